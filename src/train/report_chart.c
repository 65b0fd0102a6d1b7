/* A line chart as inline SVG; colours come from the page's style, so it follows the scheme. */
#include <math.h>

#include "train/report.h"

enum { WIDTH = 520, HEIGHT = 230, LEFT = 58, RIGHT = 14, TOP = 12, BOTTOM = 40 };
enum { MOST_POINTS = 400, MOST_DOTS = 60 }; /* of a curve drawn; a screen shows no more */

typedef struct {
    double x_end, low, high, step;
} axes;

static double place_x(const axes *a, double x) {
    return LEFT + x / a->x_end * (WIDTH - LEFT - RIGHT);
}

static double place_y(const axes *a, double y) {
    return HEIGHT - BOTTOM - (y - a->low) / (a->high - a->low) * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten that cuts `range` into at most `most` parts. */
static double nice_step(double range, int most) {
    double power = pow(10.0, floor(log10(range / most)));
    for (int i = 0; i < 3; i++) {
        double step = power * (i == 0 ? 1 : i == 1 ? 2 : 5);
        if (range / step <= most) return step;
    }
    return power * 10;
}

static axes find_axes(const rd_chart *chart) {
    axes a = {.x_end = chart->x_end > 1 ? chart->x_end : 1, .low = INFINITY, .high = -INFINITY};
    for (int s = 0; s < RD_CHART_SERIES && chart->series[s].curve; s++)
        for (int64_t i = 0; i < chart->series[s].curve->n; i++) {
            double y = chart->series[s].curve->points[i].y;
            if (y < a.low) a.low = y;
            if (y > a.high) a.high = y;
        }
    if (chart->from_zero && a.low > 0) a.low = 0;
    if (a.high - a.low < 1e-9 * fabs(a.high) || a.high <= a.low)
        a.high = a.low + fmax(fabs(a.low), 1.0);
    a.step = nice_step(a.high - a.low, 5);
    a.low = floor(a.low / a.step + 1e-9) * a.step;
    a.high = ceil(a.high / a.step - 1e-9) * a.step;
    return a;
}

static rd_status write_axes(const axes *a, rd_text *out) {
    for (int i = 0; a->low + i * a->step <= a->high + a->step / 2; i++) {
        double value = a->low + i * a->step, y = place_y(a, value);
        if (fabs(value) < a->step / 2) value = 0; /* not -0 or 1e-17 */
        RD_TRY(rd_text_printf(out,
                              "<path class=\"grid\" d=\"M%d %.1fH%d\"/>"
                              "<text x=\"%d\" y=\"%.1f\" class=\"y\">%.6g</text>\n",
                              LEFT, y, WIDTH - RIGHT, LEFT - 7, y + 4, value));
    }
    double step = fmax(nice_step(a->x_end, 6), 1.0);
    for (int i = 0; i * step <= a->x_end; i++) {
        double x = i * step;
        bool thousands = step >= 1000;
        RD_TRY(rd_text_printf(out, "<text x=\"%.1f\" y=\"%d\" class=\"x\">%.6g%s</text>\n",
                              place_x(a, x), HEIGHT - BOTTOM + 17, thousands ? x / 1000 : x,
                              thousands && x > 0 ? "k" : ""));
    }
    return rd_text_printf(out,
                          "<path class=\"axis\" d=\"M%d %dH%d\"/>"
                          "<text x=\"%d\" y=\"%d\" class=\"x name\">updates</text>\n",
                          LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, (LEFT + WIDTH - RIGHT) / 2,
                          HEIGHT - 5);
}

/* Means over stretches of equal counts if there are more points than can be seen. */
static rd_status write_curve(const axes *a, const rd_curve *curve, int series, rd_text *out) {
    int64_t each = (curve->n + MOST_POINTS - 1) / MOST_POINTS;
    RD_TRY(rd_text_printf(out, "<path class=\"line s%d\" d=\"", series));
    for (int64_t first = 0; first < curve->n; first += each) {
        int64_t n = curve->n - first < each ? curve->n - first : each;
        double x = 0, y = 0;
        for (int64_t i = first; i < first + n; i++) {
            x += curve->points[i].x / (double)n;
            y += curve->points[i].y / (double)n;
        }
        RD_TRY(rd_text_printf(out, "%c%.1f %.1f", first ? 'L' : 'M', place_x(a, x), place_y(a, y)));
    }
    RD_TRY(rd_text_printf(out, "\"/>\n"));
    for (int64_t i = 0; curve->n <= MOST_DOTS && i < curve->n; i++)
        RD_TRY(rd_text_printf(out,
                              "<circle class=\"s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\">"
                              "<title>update %.0f: %.5g</title></circle>\n",
                              series, place_x(a, curve->points[i].x),
                              place_y(a, curve->points[i].y), curve->points[i].x,
                              curve->points[i].y));
    return RD_OK;
}

/* Title, and a legend with the last value of each curve. */
static rd_status write_caption(const rd_chart *chart, rd_text *out) {
    RD_TRY(rd_text_printf(out, "<figcaption><b>%s</b>", chart->title));
    for (int s = 0; s < RD_CHART_SERIES && chart->series[s].curve; s++) {
        const rd_curve *curve = chart->series[s].curve;
        if (curve->n == 0) continue;
        double last = curve->points[curve->n - 1].y;
        RD_TRY(rd_text_printf(out, "<span class=\"key s%d\">%s<i>%.*g</i></span>", s,
                              chart->series[s].name, fabs(last) < 1000 ? 4 : 6, last));
    }
    return rd_text_printf(out, "</figcaption>\n");
}

/* A line from top to bottom at each update of `marks`. */
static rd_status write_marks(const axes *a, const rd_curve *marks, const char *class,
                             const char *title, rd_text *out) {
    for (int64_t i = 0; marks && i < marks->n; i++) {
        double update = marks->points[i].x;
        RD_TRY(rd_text_printf(
            out, "<path class=\"%s\" d=\"M%.1f %dV%d\"><title>%s %.0f</title></path>\n", class,
            place_x(a, update), TOP, HEIGHT - BOTTOM, title, update));
    }
    return RD_OK;
}

rd_status rd_chart_write(const rd_chart *chart, rd_text *out) {
    int64_t n = 0;
    for (int s = 0; s < RD_CHART_SERIES && chart->series[s].curve; s++)
        n += chart->series[s].curve->n;
    if (n == 0) return RD_OK;
    axes a = find_axes(chart);
    RD_TRY(rd_text_printf(out, "<figure>\n"));
    RD_TRY(write_caption(chart, out));
    RD_TRY(rd_text_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
                          WIDTH, HEIGHT, chart->title));
    RD_TRY(write_axes(&a, out));
    RD_TRY(write_marks(&a, chart->restarts, "restarted", "started again: after update", out));
    RD_TRY(write_marks(&a, chart->changed, "changed", "settings changed: update", out));
    if (isfinite(chart->marked))
        RD_TRY(rd_text_printf(out,
                              "<path class=\"best\" d=\"M%.1f %dV%d\"><title>best: update %.0f"
                              "</title></path>\n",
                              place_x(&a, chart->marked), TOP, HEIGHT - BOTTOM, chart->marked));
    for (int s = 0; s < RD_CHART_SERIES && chart->series[s].curve; s++)
        if (chart->series[s].curve->n > 0) RD_TRY(write_curve(&a, chart->series[s].curve, s, out));
    return rd_text_printf(out, "</svg>\n</figure>\n");
}
