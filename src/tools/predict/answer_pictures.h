/* rdrop-predict with a model that reads pictures. */
#ifndef RD_TOOLS_PREDICT_ANSWER_PICTURES_H
#define RD_TOOLS_PREDICT_ANSWER_PICTURES_H

#include "base/error.h"
#include "tools/predict/arguments.h"

/* Answers for each picture on the command line, or each that a line of the input names. */
rd_status predict_pictures(const arguments *a);

#endif
