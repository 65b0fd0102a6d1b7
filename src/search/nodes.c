/* The tree of hypotheses. */
#include "search/state.h"

#include <string.h>

#include "base/memory.h"

rd_status rd_nodes_add(rd_search *s, rd_search_node item, int32_t *node) {
    if (s->n_nodes == INT32_MAX) return rd_error(RD_ERR_MEMORY, "a search of too many tokens");
    RD_TRY(rd_reserve(&s->nodes, &s->node_capacity, s->n_nodes + 1, sizeof *s->nodes));
    *node = (int32_t)s->n_nodes;
    s->nodes[s->n_nodes++] = item;
    return RD_OK;
}

/* Nodes lie behind their parents: one pass from the back marks what is alive, one from the front
 * moves it, and finds its parents moved. */
rd_status rd_nodes_collect(rd_search *s) {
    enum { WORTHWHILE = 4096 };
    if (s->n_nodes < 2 * s->n_live_nodes || s->n_nodes < WORTHWHILE) return RD_OK;
    RD_TRY(rd_reserve(&s->moved_nodes, &s->moved_capacity, s->n_nodes, sizeof *s->moved_nodes));
    int32_t *moved = s->moved_nodes; /* at first whether a node is alive, then where it is now */
    memset(moved, 0, (size_t)s->n_nodes * sizeof *moved);
    for (int64_t r = 0; r < s->n_rows; r++)
        if (s->rows[r].node >= 0) moved[s->rows[r].node] = 1;
    for (int64_t i = s->n_nodes - 1; i >= 0; i--)
        if (moved[i] && s->nodes[i].parent >= 0) moved[s->nodes[i].parent] = 1;
    int32_t n = 0;
    for (int64_t i = 0; i < s->n_nodes; i++) {
        if (!moved[i]) continue;
        rd_search_node node = s->nodes[i];
        if (node.parent >= 0) node.parent = moved[node.parent];
        s->nodes[n] = node;
        moved[i] = n++;
    }
    for (int64_t r = 0; r < s->n_rows; r++)
        if (s->rows[r].node >= 0) s->rows[r].node = moved[s->rows[r].node];
    s->n_nodes = s->n_live_nodes = n;
    return RD_OK;
}
