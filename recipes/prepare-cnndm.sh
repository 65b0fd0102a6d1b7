#!/usr/bin/env bash
# CNN/DailyMail as DATA_DIR/{train,val,test}.{source,target}.gz, an article and its highlights on each line, as
# they were written: neither lowercased nor tokenized. A line without a mark at its end gets " ."; pairs with an empty
# side are left out and counted.
#
#   prepare-cnndm.sh DATA_DIR BUILD_DIR
#
# CNNDM_DIR names a folder with cnn_stories.tgz and dailymail_stories.tgz (of the DeepMind Q&A data: files
# cnn/stories/SHA1.story, SHA1 that of the article's URL) and all_train.txt, all_val.txt, all_test.txt (See et al.
# 2017: a URL on each line), there or in its folder url_lists.
set -euo pipefail
data=$1
fail() {
    echo "prepare-cnndm.sh: $*" >&2
    exit 1
}
from=${CNNDM_DIR:-}
[ -n "$from" ] || fail "set CNNDM_DIR to a folder with cnn_stories.tgz, dailymail_stories.tgz and all_{train,val,test}.txt"
lists=$from
[ -e "$lists/all_train.txt" ] || lists=$from/url_lists
for set in train val test; do
    [ -r "$lists/all_$set.txt" ] || fail "$from has no all_$set.txt, nor has its folder url_lists"
done
mkdir -p "$data"
work=$(mktemp -d "$data/prepare.XXXXXX")
trap 'rm -rf "$work"' EXIT
for source in cnn dailymail; do
    archive=$from/${source}_stories.tgz
    [ -r "$archive" ] || fail "$archive is missing"
    tar -xzf "$archive" -C "$work" --no-same-owner || fail "$archive is not a readable tar.gz"
    [ -d "$work/$source/stories" ] || fail "$archive has no folder $source/stories"
done

# pairs SET LIST: the stories of the list as SET.source and SET.target
pairs() {
    perl -MDigest::SHA=sha1_hex -e '
        use strict;
        my ($stories, $set) = @ARGV;
        my $name = "$stories/$set";
        my %out;
        my ($kept, $empty) = (0, 0);
        for my $side ("source", "target") { open $out{$side}, ">", "$name.$side" or die "$name.$side: $!\n" }
        while (my $url = <STDIN>) {
            $url =~ s/^\s+|\s+$//g;
            next if $url eq "";
            my $file = sha1_hex($url) . ".story";
            my ($path) = grep { -e } map { "$stories/$_/stories/$file" } ("cnn", "dailymail");
            defined $path or die "neither archive has $file, the story of $url\n";
            my %text = (source => [], target => []);
            my $side = "source";
            open my $story, "<", $path or die "$path: $!\n";
            while (my $line = <$story>) {
                $line =~ s/\s+/ /g;
                $line =~ s/^ | $//g;
                if ($line eq "\@highlight") { $side = "target"; next }
                next if $line eq "";
                $line .= " ." unless $line =~ /(?:[.!?\x27"`)]|\xe2\x80[\x99\x9d])$/; # right quotes as well
                push @{$text{$side}}, $line;
            }
            close $story;
            if (!@{$text{source}} || !@{$text{target}}) { $empty++; next }
            print {$out{$_}} join(" ", @{$text{$_}}), "\n" for keys %out;
            $kept++;
        }
        for (values %out) { close $_ or die "$name: $!\n" }
        print STDERR "$set: $kept pairs, $empty left out because a side is empty\n";
        exit($kept == 0);' "$work" "$1" <"$2" || fail "no pairs of $2"
}
for set in train val test; do
    pairs $set "$lists/all_$set.txt"
    for side in source target; do
        gzip -1 "$work/$set.$side"
        mv "$work/$set.$side.gz" "$data"
    done
done
