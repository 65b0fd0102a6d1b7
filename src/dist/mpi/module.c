/* The module rdrop-mpi: transport.h over MPI. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dist/transport.h"

_Static_assert(sizeof(MPI_Request) <= sizeof(rd_transfer), "a request has room in a transfer");

static int send_bytes(int to, int channel, const void *data, size_t bytes, rd_transfer *transfer) {
    MPI_Request request;
    int error = MPI_Isend(data, (int)bytes, MPI_BYTE, to, channel, MPI_COMM_WORLD, &request);
    memcpy(transfer, &request, sizeof request);
    return error; // NOLINT(clang-analyzer-optin.mpi.MPI-Checker): test() waits
}

static int receive(int from, int channel, void *data, size_t bytes, rd_transfer *transfer) {
    MPI_Request request;
    int error = MPI_Irecv(data, (int)bytes, MPI_BYTE, from, channel, MPI_COMM_WORLD, &request);
    memcpy(transfer, &request, sizeof request);
    return error; // NOLINT(clang-analyzer-optin.mpi.MPI-Checker): test() waits
}

static int test(int n, rd_transfer *transfers, bool *done) {
    *done = true;
    for (int i = 0; i < n; i++) {
        MPI_Request request;
        int arrived = 0;
        memcpy(&request, &transfers[i], sizeof request);
        int error = MPI_Test(&request, &arrived, MPI_STATUS_IGNORE);
        memcpy(&transfers[i], &request, sizeof request);
        if (error) return error;
        *done = *done && arrived;
    }
    return 0;
}

static void cancel(rd_transfer *transfer) {
    MPI_Request request;
    memcpy(&request, transfer, sizeof request);
    MPI_Cancel(&request);
    MPI_Wait(&request, MPI_STATUS_IGNORE); // NOLINT(clang-analyzer-optin.mpi.MPI-Checker)
}

static void explain(int error, char *text, size_t room) {
    char message[MPI_MAX_ERROR_STRING];
    int n = 0;
    MPI_Error_string(error, message, &n);
    snprintf(text, room, "%.*s", n, message);
}

static void abort_all(int code) {
    MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

static void close_all(void) {
    MPI_Finalize();
}

/* The ranks of a machine have memory in common. */
static void find_node(rd_transport *t) {
    MPI_Comm node;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    t->node = t->rank;
    MPI_Bcast(&t->node, 1, MPI_INT, 0, node);
    MPI_Comm_size(node, &t->node_size);
    MPI_Comm_free(&node);
}

__attribute__((visibility("default"))) const char *rd_transport_open(rd_transport *t) {
    int level;
    *t = (rd_transport){.send = send_bytes,
                        .receive = receive,
                        .test = test,
                        .cancel = cancel,
                        .explain = explain,
                        .abort = abort_all,
                        .close = close_all};
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS)
        return "MPI cannot be initialized";
    if (level < MPI_THREAD_SERIALIZED) return "this MPI was built without threads";
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &t->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &t->size);
    find_node(t);
    gethostname(t->host, sizeof t->host - 1);
    return NULL;
}
