# Plain comments as Doxygen wants them: of the file, of what follows, of what they come after; "<unk>" is no HTML.
# Headings are comments of their own.
/^#/b
s%[<>]%\\&%g
1s%^/\* (.*)%/** @file\n * \1%
t
/^\/\* ----/b
s%^( *)/\* %\1/** %
t
s%([;,]) +/\* %\1 /**< %
