/* A file that is mapped into memory and can no longer be read: cut short by another program while
 * in use, or on a disk that fails. The kernel sends SIGBUS at the next access. */
#ifndef RD_TOOLS_LOST_FILE_H
#define RD_TOOLS_LOST_FILE_H

/* From here on the program, in that case, writes one line that names the file, and ends with status
 * 1. */
void catch_lost_file(void);

#endif
