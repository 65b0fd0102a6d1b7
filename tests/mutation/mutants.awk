# Lists every small fault that can be planted in C files, as clang-format lays them out: one line each,
# FILE, line, first column, length of what goes, kind, what comes; between tabs. Only indented lines count, which
# are those inside functions and tables; comments, text between quotes and preprocessor lines are left alone.
# Calls that free or close are too: a leak is AddressSanitizer's to notice.

# The line with comments as blanks and text between quotes as tildes, of the same length.
function masked(line,   out, i, c, two, quote) {
    out = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        two = substr(line, i, 2)
        if (comment) {
            out = out " "
            if (two == "*/") { comment = 0; out = out " "; i++ }
        } else if (quote != "") {
            out = out "~"
            if (c == "\\") { out = out "~"; i++ }
            else if (c == quote) quote = ""
        } else if (two == "/*") { comment = 1; out = out "  "; i++ }
        else if (two == "//") break
        else if (c == "\"" || c == "'") { quote = c; out = out "~" }
        else out = out c
    }
    while (length(out) < length(line)) out = out " "
    return out
}
function mutant(at, n, text, kind) { print FILENAME "\t" FNR "\t" at "\t" n "\t" kind "\t" text }
# Every occurrence of a token between blanks.
function token(from, to, kind,   at, rest, base) {
    base = 0
    rest = code
    while ((at = index(rest, " " from " ")) > 0) {
        mutant(base + at + 1, length(from), to, kind)
        base += at + length(from)
        rest = substr(code, base + 1)
    }
}
function constants(   rest, base, at, n, text, before, after) {
    if (code ~ /^ *(static |const |unsigned )*[a-z_0-9]+ [^=(]*\[[0-9]+\][^=]*;/) return # sizes of buffers
    rest = code
    base = 0
    while (match(rest, /[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?f?/)) {
        at = base + RSTART
        n = RLENGTH
        text = substr(code, at, n)
        before = substr(code, at - 1, 1)
        after = substr(code, at + n, 1)
        base = at + n - 1
        rest = substr(code, base + 1)
        if (before ~ /[A-Za-z0-9_.]/ || after ~ /[A-Za-z0-9_.]/) continue
        if (text ~ /^[0-9]+$/) mutant(at, n, text + 1, "constant")
        else if (text !~ /^0\.?0*f?$/) mutant(at, n, "(2 * " text ")", "constant")
    }
}
# The condition of an if or while that ends on its line.
function condition(   at, i, depth, c) {
    if (!match(code, /(if|while) \(/)) return
    at = RSTART + RLENGTH
    depth = 1
    for (i = at; i <= length(code); i++) {
        c = substr(code, i, 1)
        if (c == "(") depth++
        if (c == ")" && --depth == 0) break
    }
    if (depth == 0 && i > at) mutant(at, i - at, "!(" substr($0, at, i - at) ")", "negated condition")
}
# A call or an assignment that is a statement of its own line.
function statement(   at) {
    if (previous !~ /[;{}:]$|^$|\)$|else$/ || code !~ /;$/ || code ~ /^ *(return|break|continue|goto|else|case|if|for|while|do|const|static|typedef) ?/) return
    if (code ~ /^ *[a-z_]*(free|release|closedir|rd_[a-z_]*close)[a-z_]*\(/) return
    if (code ~ /^ *[A-Za-z_][A-Za-z_0-9]*\(.*\);$/ || code ~ /^ *\*?[a-z_][A-Za-z_0-9]*((->|\.|\[)[^ =]*)? ([-+*\/|&^]|<<|>>)?= .*;$/ || code ~ /^ *[a-z_][^ ]*(->|\[)[^=]* ([-+*\/|&^])?= .*;$/) {
        match(code, /[^ ]/)
        mutant(RSTART, length(code) - RSTART, "", "dropped statement")
    }
}
function returned(   at) {
    if ((at = index(code, "return RD_OK;")) > 0) mutant(at + 7, 5, "RD_ERR_FORMAT", "returned status")
    else if (match(code, /return RD_ERR_[A-Z]*;/)) mutant(RSTART + 7, RLENGTH - 8, "RD_OK", "returned status")
    else if (match(code, /return rd_error\(.*\);/)) mutant(RSTART + 7, RLENGTH - 8, "RD_OK", "returned status")
    else if ((at = index(code, "return true;")) > 0) mutant(at + 7, 4, "false", "returned status")
    else if ((at = index(code, "return false;")) > 0) mutant(at + 7, 5, "true", "returned status")
}
FNR == 1 { comment = 0; previous = "" }
{ code = masked($0); sub(/ +$/, "", code) }
code ~ /^ / {
    token("<", "<=", "comparison")
    token("<=", "<", "comparison")
    token(">", ">=", "comparison")
    token(">=", ">", "comparison")
    token("==", "!=", "comparison")
    token("!=", "==", "comparison")
    token("&&", "||", "logic")
    token("||", "&&", "logic")
    token("+", "-", "arithmetic")
    token("-", "+", "arithmetic")
    token("*", "+", "arithmetic")
    token("/", "*", "arithmetic")
    token("%", "/", "arithmetic")
    token("+=", "-=", "arithmetic")
    token("-=", "+=", "arithmetic")
    constants()
    condition()
    statement()
    returned()
}
code ~ /[^ ]/ { previous = code }
