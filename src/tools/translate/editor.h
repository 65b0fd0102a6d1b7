/* Lines typed on a terminal, with editing and a history that ends with the program. */
#ifndef RD_TOOLS_TRANSLATE_EDITOR_H
#define RD_TOOLS_TRANSLATE_EDITOR_H

typedef struct editor editor;

/* Takes over the terminal from standard input, which from now on gives the finished lines, each
 * after the answer to the one before; it ends at Ctrl-D. The prompt is on standard error. NULL, and
 * nothing changed: the build has no libedit, or one of the two is not a terminal. */
editor *editor_start(void);

void editor_answered(editor *e); /* the next line may be asked for */

/* Call after the last line, or when no more are wanted. NULL is fine. */
void editor_stop(editor *e);

#endif
