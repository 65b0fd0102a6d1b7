#ifndef RD_CRITERION_ADAPTIVE_KL_H
#define RD_CRITERION_ADAPTIVE_KL_H

/* R-Drop's KL over an adaptive softmax; see adaptive_loss.h. */
typedef enum { RD_ADAPTIVE_KL_EXACT, RD_ADAPTIVE_KL_CLUSTER } rd_adaptive_kl;

#endif
