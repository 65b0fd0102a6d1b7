/* The formats of a report. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/c_locale.h"
#include "metrics/report.h"

/* "26.1 (μ = 26.1 ± 0.6) (p = 0.0010)*" with the pieces that are there. */
static rd_status write_cell(const rd_report_cell *cell, int digits, bool table, const char *plus,
                            rd_text *out) {
    RD_TRY(rd_text_printf(out, "%.*f", digits, cell->score));
    if (cell->has_interval)
        RD_TRY(rd_text_printf(out, " (%s%.*f %s %.*f)", table ? "" : "μ = ", digits, cell->mean,
                              plus, digits, cell->interval));
    if (cell->has_p_value)
        RD_TRY(
            rd_text_printf(out, " (p = %.4f)%s", cell->p_value, cell->p_value < 0.05 ? "*" : ""));
    return RD_OK;
}

/* A line for each score, without the names of systems. */
static rd_status write_scores(const rd_report *report, const rd_report_config *how, int digits,
                              rd_text *out) {
    for (int k = 0; k < report->n_systems * report->n_columns; k++) {
        const rd_report_cell *cell = &report->cells[k];
        const rd_report_column *column = &report->columns[k % report->n_columns];
        if (!how->score_only)
            RD_TRY(rd_text_printf(out, "%s|%s = ", column->name, column->signature));
        RD_TRY(write_cell(cell, digits, false, "±", out));
        if (!how->score_only && cell->details[0]) RD_TRY(rd_text_printf(out, " %s", cell->details));
        RD_TRY(rd_text_append(out, "\n", 1));
    }
    return RD_OK;
}

static rd_status write_escaped_latex(const char *text, rd_text *out) {
    for (; *text; text++) {
        if (strchr("_&%$#{}", *text))
            RD_TRY(rd_text_printf(out, "\\%c", *text));
        else if (strchr("|~^\\", *text))
            RD_TRY(rd_text_printf(out, "\\char`\\%c{}", *text));
        else
            RD_TRY(rd_text_append(out, text, 1));
    }
    return RD_OK;
}

static rd_status write_latex(const rd_report *report, int digits, rd_text *out) {
    RD_TRY(rd_text_printf(out, "\\begin{tabular}{l"));
    for (int c = 0; c < report->n_columns; c++) RD_TRY(rd_text_append(out, "r", 1));
    RD_TRY(rd_text_printf(out, "}\n\\toprule\nSystem"));
    for (int c = 0; c < report->n_columns; c++)
        RD_TRY(rd_text_printf(out, " & %s", report->columns[c].name));
    RD_TRY(rd_text_printf(out, " \\\\\n\\midrule\n"));
    for (int s = 0; s < report->n_systems; s++) {
        RD_TRY(write_escaped_latex(report->systems[s], out));
        for (int c = 0; c < report->n_columns; c++) {
            RD_TRY(rd_text_printf(out, " & "));
            RD_TRY(
                write_cell(&report->cells[s * report->n_columns + c], digits, true, "$\\pm$", out));
        }
        RD_TRY(rd_text_printf(out, " \\\\\n"));
    }
    RD_TRY(rd_text_printf(out, "\\bottomrule\n\\end{tabular}\n"));
    for (int c = 0; c < report->n_columns; c++)
        RD_TRY(rd_text_printf(out, "%% %s|%s\n", report->columns[c].name,
                              report->columns[c].signature));
    return RD_OK;
}

int rd_report_characters(const char *text) {
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

rd_status rd_report_padded(const char *text, int width, rd_text *out) {
    return rd_text_printf(out, "%s%*s", text, width - rd_report_characters(text), "");
}

/* A table whose columns are aligned; Markdown's, which also reads well on a screen. */
static rd_status write_table(const rd_report *report, int digits, rd_text *out) {
    int n = report->n_columns, widths[1 + RD_SCORING_MAX_METRICS * RD_METRIC_MAX_SCORES];
    rd_text cell = {0};
    rd_status status = RD_OK;
    widths[0] = rd_report_characters("System");
    for (int c = 0; c < n; c++) widths[c + 1] = rd_report_characters(report->columns[c].name);
    /* The first pass measures, the second writes. Rows -2 and -1 are the head and its rule. */
    for (int pass = 0; pass < 2; pass++)
        for (int s = pass ? -2 : 0; s < report->n_systems && status == RD_OK; s++) {
            for (int c = -1; c < n && status == RD_OK; c++) {
                rd_text_clear(&cell);
                if (s == -2)
                    status =
                        rd_text_printf(&cell, "%s", c < 0 ? "System" : report->columns[c].name);
                else if (s == -1)
                    for (int k = 0; k < widths[c + 1] && status == RD_OK; k++)
                        status = rd_text_append(&cell, "-", 1);
                else if (c < 0)
                    status = rd_text_printf(&cell, "%s", report->systems[s]);
                else
                    status = write_cell(&report->cells[s * n + c], digits, true, "±", &cell);
                if (status != RD_OK) break;
                int width = rd_report_characters(cell.data);
                if (width > widths[c + 1]) widths[c + 1] = width;
                if (pass && (status = rd_text_append(out, "| ", 2)) == RD_OK)
                    status = rd_report_padded(cell.data, widths[c + 1] + 1, out);
            }
            if (pass && status == RD_OK) status = rd_text_append(out, "|\n", 2);
        }
    rd_text_free(&cell);
    return status;
}

static rd_status write_signatures(const rd_report *report, const rd_report_config *how,
                                  rd_text *out) {
    RD_TRY(rd_text_append(out, "\n", 1));
    for (int c = 0; c < report->n_columns; c++)
        RD_TRY(rd_text_printf(out, "- %s|%s\n", report->columns[c].name,
                              report->columns[c].signature));
    if (how->test == RD_TEST_PAIRED_BS || how->test == RD_TEST_PAIRED_AR)
        RD_TRY(rd_text_printf(out,
                              "- Every system is compared with %s; * marks p < 0.05 (the "
                              "difference is unlikely to be chance).\n",
                              report->systems[0]));
    return RD_OK;
}

rd_status rd_report_string(const char *text, rd_text *out) {
    json_t *string = json_string(text);
    char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    json_decref(string);
    if (!quoted)
        return rd_error(RD_ERR_FORMAT, "scores cannot be written as JSON (names of files must be "
                                       "UTF-8), or out of memory");
    rd_status status = rd_text_append(out, quoted, strlen(quoted));
    free(quoted);
    return status;
}

rd_status rd_report_number(double number, int width, rd_text *out) {
    char digits[512];
    if (width >= 0) {
        rd_snprintf(digits, sizeof digits, "%.*f", width, number);
        number = rd_strtod(digits, NULL);
    }
    rd_shortest_double(number, digits);
    return rd_text_printf(out, "%s%s", digits, strpbrk(digits, ".en") ? "" : ".0");
}

/* One member of a JSON object, a number if `text` is NULL. */
static rd_status write_member(const char *key, const char *text, double number, int width,
                              rd_text *out) {
    RD_TRY(rd_text_printf(out, ",\n  \"%s\": ", key));
    return text ? rd_report_string(text, out) : rd_report_number(number, width, out);
}

/* sacreBLEU also gives each part of the signature as a key. */
static rd_status write_signature(const char *signature, rd_text *out) {
    RD_TRY(write_member("signature", signature, 0, 0, out));
    char parts[256], *save = NULL;
    strcpy(parts, signature);
    for (char *part = strtok_r(parts, "|", &save); part; part = strtok_r(NULL, "|", &save)) {
        char *value = strchr(part, ':');
        *value++ = '\0';
        RD_TRY(write_member(part, value, 0, 0, out));
    }
    return RD_OK;
}

static rd_status write_object(const rd_report *report, int s, int c, int width, rd_text *out) {
    const rd_report_cell *cell = &report->cells[s * report->n_columns + c];
    RD_TRY(rd_text_printf(out, "{\n  \"name\": \"%s\"", report->columns[c].name));
    RD_TRY(write_member("score", NULL, cell->score, width, out));
    RD_TRY(write_member("system", report->systems[s], 0, 0, out));
    RD_TRY(write_signature(report->columns[c].signature, out));
    if (cell->parts.known) {
        RD_TRY(write_member("precision", NULL, cell->parts.precision, width, out));
        RD_TRY(write_member("recall", NULL, cell->parts.recall, width, out));
    }
    if (cell->has_interval) {
        int shown = width < 0 ? 1 : width;
        char text[128];
        rd_snprintf(text, sizeof text, "μ = %.*f ± %.*f", shown, cell->mean, shown, cell->interval);
        RD_TRY(write_member("confidence_mean", NULL, cell->mean, width, out));
        RD_TRY(write_member("confidence_var", NULL, cell->interval, width, out));
        RD_TRY(write_member("confidence", text, 0, 0, out));
    }
    if (cell->has_p_value) RD_TRY(write_member("p_value", NULL, cell->p_value, -1, out));
    if (cell->details[0]) RD_TRY(write_member("verbose_score", cell->details, 0, 0, out));
    if (cell->members.length > 0)
        RD_TRY(rd_text_append(out, cell->members.data, (size_t)cell->members.length));
    return rd_text_append(out, "\n }", 3);
}

static rd_status write_json(const rd_report *report, int width, rd_text *out) {
    for (int s = 0; s < report->n_systems; s++)
        for (int c = 0; c < report->n_columns; c++) {
            RD_TRY(rd_text_printf(out, "%s\n ", s + c ? "," : "["));
            RD_TRY(write_object(report, s, c, width, out));
        }
    return rd_text_printf(out, "\n]\n");
}

rd_status rd_report_write(const rd_report *report, const rd_report_config *how, rd_text *out) {
    int digits = how->width >= 0 ? how->width : 1;
    switch (how->format) {
    case RD_REPORT_JSON:
        return write_json(report, how->width, out);
    case RD_REPORT_LATEX:
        return write_latex(report, digits, out);
    case RD_REPORT_MARKDOWN:
        break;
    case RD_REPORT_TEXT:
        if (report->n_systems == 1 || how->score_only)
            return write_scores(report, how, digits, out);
        break;
    }
    RD_TRY(write_table(report, digits, out));
    return write_signatures(report, how, out);
}
