#!/bin/sh
# Prints the man page rdrop(1), which names all programs as their own pages do.
#
#   overview.sh VERSION PAGE.1...
version=$1
shift
cat <<END
.TH "rdrop" 1 "" "rdrop $version" "User Commands"
.SH NAME
rdrop \- training with R\-Drop, and running and scoring what was trained
.SH DESCRIPTION
R\-Drop passes each training example through the network twice with independent dropout, and adds to the loss how far
the two outputs are apart. These programs train translation, summarization, language, classification and picture models
with it, from a recipe, on ordinary processors.
.SH PROGRAMS
END
for page; do
    name=$(basename "$page" .1)
    printf '.TP\n\\fB%s\\fR(1)\n' "$(echo "$name" | sed 's/-/\\-/g')"
    sed -n '/^\.SH NAME/{n;s/^.* \\- //p;q}' "$page"
done
cat <<'END'
.SH FROM A RECIPE TO SCORES
.EX
rdrop\-recipe run quickstart
.EE
.PP
trains and scores a small example in minutes. The stages by hand, with a recipe \fImy.yaml\fR and the corpora in
\fIcorpora\fR:
.PP
.EX
rdrop\-preprocess my.yaml \-\-data corpora \-\-dest bin
rdrop\-train my.yaml \-\-data bin \-\-save\-dir out
rdrop\-train my.yaml \-\-data bin \-\-save\-dir out \-\-average
rdrop\-translate \-\-model out/model < news.en > news.de
rdrop\-score \-\-metric bleu,chrf \-\-ref news.ref.de news.de
.EE
.SH FILES
.TP
.I share/rdrop/recipes
next to the folder of the programs (\fI/usr/share/rdrop/recipes\fR of Debian's package): recipes, and
\fIREADME.md\fR, which says what each reaches and how fairseq's and Marian's commands are spelled here
.TP
.I out/NAME
of the current directory: what \fBrdrop\-recipe run\fR makes
.SH SEE ALSO
\fBrdrop\-recipe\fR(1) explains every key of a recipe. The library's documentation is in its headers, in
\fIinclude/rdrop\fR next to the folder of the programs.
END
