/* The confusion matrix of a validation: a row a right class, a column an answered one. */
#include "train/report.h"

static rd_status head(rd_text *out, const json_t *labels, size_t i) {
    const char *label = json_string_value(json_array_get(labels, i));
    RD_TRY(rd_text_put(out, "<th>"));
    RD_TRY(rd_page_put(out, label ? label : ""));
    return rd_text_put(out, "</th>");
}

rd_status rd_matrix_write(const json_t *confusion, rd_text *out) {
    const json_t *labels = json_object_get(confusion, "labels");
    const json_t *counts = json_object_get(confusion, "counts");
    size_t n = json_array_size(labels);
    if (n == 0 || json_array_size(counts) != n * n) return RD_OK;
    RD_TRY(rd_text_put(out, "<table class=\"matrix\">\n<tr><th>right / answered</th>"));
    for (size_t i = 0; i < n; i++) RD_TRY(head(out, labels, i));
    RD_TRY(rd_text_put(out, "</tr>\n"));
    for (size_t i = 0; i < n; i++) {
        RD_TRY(rd_text_put(out, "<tr>"));
        RD_TRY(head(out, labels, i));
        for (size_t k = 0; k < n; k++)
            RD_TRY(rd_text_printf(out, "<td>%s%lld%s</td>", i == k ? "<b>" : "",
                                  (long long)json_integer_value(json_array_get(counts, i * n + k)),
                                  i == k ? "</b>" : ""));
        RD_TRY(rd_text_put(out, "</tr>\n"));
    }
    return rd_text_put(out, "</table>\n");
}
