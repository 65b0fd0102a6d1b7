/* The beginning of every report, with its style. */
#include <string.h>

#include "train/report.h"

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1b1f27;--soft:#5b6472;"
    "--grid:#e3e6eb;--s0:#2463d8;--s1:#d4730b;--s2:#0a8f63;--s3:#b3308c;--s4:#7a8a00;--s5:#6b4fc9;"
    "--s6:#00859b;--s7:#a3392b;--best:#9aa3b2}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#13151a;--card:#1c1f26;--text:#e7e9ee;"
    "--soft:#9da6b5;--grid:#2e333d;--s0:#74a9ff;--s1:#f2a654;--s2:#4ecb9c;--s3:#ec8fd0;--s4:#"
    "c3d24a;"
    "--s5:#b3a0ff;--s6:#54cfe0;--s7:#ff9a8b;--best:#6a7384}}\n"
    "body{margin:0 auto;max-width:76rem;padding:1.5rem 1rem 3rem;background:var(--page);"
    "color:var(--text);font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}"
    "p{margin:.2rem 0 1rem;color:var(--soft)}\n"
    ".tiles,.charts{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fill,minmax(8rem,"
    "1fr))}.charts{grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr));"
    "margin-top:.8rem}\n"
    ".tiles>div,figure,details{background:var(--card);border:1px solid var(--grid);"
    "border-radius:.5rem;padding:.7rem .9rem;margin:0}\n"
    ".tiles b{display:block;font-size:1.2rem;font-variant-numeric:tabular-nums}"
    ".tiles span{color:var(--soft);font-size:.85rem}\n"
    "figcaption{display:flex;flex-wrap:wrap;gap:.2rem 1rem;align-items:baseline}"
    ".key{font-size:.85rem;color:var(--soft)}"
    ".key:before{content:'';display:inline-block;width:.9em;height:.25em;border-radius:.2em;"
    "margin-right:.4em;vertical-align:middle;background:var(--c)}"
    ".key i{font-style:normal;color:var(--text);margin-left:.35em;"
    "font-variant-numeric:tabular-nums}\n"
    "svg{display:block;width:100%;height:auto;margin-top:.3rem}"
    "svg text{font-size:11.5px;fill:var(--soft)}.x{text-anchor:middle}.y{text-anchor:end}\n"
    ".grid{stroke:var(--grid)}.axis{stroke:var(--soft)}"
    ".best{stroke:var(--best);stroke-dasharray:4 4;fill:none}"
    ".changed{stroke:var(--s1);stroke-dasharray:1 3;fill:none}"
    ".restarted{stroke:var(--soft);stroke-dasharray:6 3 1 3;fill:none}"
    ".line{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round}"
    "circle{fill:var(--c)}.s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}"
    ".s3{--c:var(--s3)}.s4{--c:var(--s4)}.s5{--c:var(--s5)}.s6{--c:var(--s6)}.s7{--c:var(--s7)}\n"
    "table{border-collapse:collapse;margin-top:.8rem;font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;padding:.15rem .9rem .15rem 0;border-bottom:1px solid var(--grid)}"
    "th{font-weight:normal;color:var(--soft)}td span{color:var(--soft);font-size:.85rem}\n"
    "details{margin-bottom:.6rem}summary{cursor:pointer;font-variant-numeric:tabular-nums}"
    "summary span{color:var(--soft)}\n"
    ".sample{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr));"
    "gap:.1rem 1.5rem;border-top:1px solid var(--grid);margin-top:.5rem;padding-top:.45rem}"
    ".sample p{margin:0;color:var(--text);overflow-wrap:anywhere}.sample .source{grid-column:1/-1}"
    ".sample span{color:var(--soft);font-size:.85rem;margin-right:.5rem}"
    ".sample .hypothesis{color:var(--s0)}\n"
    ".keys{columns:22rem auto;column-gap:2rem;font-size:.85rem;margin-top:.6rem}"
    ".keys div{display:flex;justify-content:space-between;gap:1rem;break-inside:avoid;"
    "border-bottom:1px solid var(--grid)}.keys span{color:var(--soft)}"
    ".keys code{overflow-wrap:anywhere;text-align:right}\n"
    "</style>\n";

rd_status rd_page_put(rd_text *out, const char *text) {
    return rd_text_append_html(out, text, strlen(text));
}

rd_status rd_page_begin(rd_text *out, const char *title, bool refreshes) {
    RD_TRY(rd_text_put(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                            "<meta name=\"viewport\" content=\"width=device-width\">\n"));
    if (refreshes) RD_TRY(rd_text_put(out, "<meta http-equiv=\"refresh\" content=\"30\">\n"));
    RD_TRY(rd_text_put(out, "<title>"));
    RD_TRY(rd_page_put(out, title));
    RD_TRY(rd_text_put(out, "</title>\n"));
    RD_TRY(rd_text_put(out, style));
    RD_TRY(rd_text_put(out, "</head><body>\n<h1>"));
    RD_TRY(rd_page_put(out, title));
    return rd_text_put(out, "</h1>\n");
}
