/* Bytes between processes: the interface of the module rdrop-mpi (dist/mpi/), which is loaded only
 * if a launcher such as mpirun started the program, so nothing else waits for MPI's libraries. One
 * thread at a time calls these. */
#ifndef RD_DIST_TRANSPORT_H
#define RD_DIST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

/* One message under way; room for MPI's handle of it. */
typedef struct {
    void *handle;
} rd_transfer;

typedef struct rd_transport rd_transport;
struct rd_transport {
    int rank, size;
    int node, node_size; /* lowest rank on this machine; how many there are */
    char host[64];
    /* Begin to send, or to receive: bytes < 2 GiB, which stay where they are until the transfer is
     * done. Messages of a channel (0 or 1) between two ranks keep their order. 0, or an error's
     * number. */
    int (*send)(int to, int channel, const void *data, size_t bytes, rd_transfer *transfer);
    int (*receive)(int from, int channel, void *data, size_t bytes, rd_transfer *transfer);
    /* *done: whether all have arrived. */
    int (*test)(int n, rd_transfer *transfers, bool *done);
    void (*cancel)(rd_transfer *transfer); /* one that nobody will send */
    void (*explain)(int error, char *text, size_t room);
    void (*abort)(int code); /* ends all processes, this one too */
    void (*close)(void);     /* all call it */
};

/* Named rd_transport_open in the module. NULL, or why not. */
typedef const char *rd_transport_opener(rd_transport *transport);

#endif
