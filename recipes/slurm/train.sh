#!/usr/bin/env bash
#SBATCH --job-name=rdrop
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@300
# Trains as a Slurm job, one rank a task, for as many jobs as it takes: five minutes before the time is over, or when
# the job is preempted, the training saves and stops, and the job queues itself again, to continue from the save-dir.
#
#   sbatch [SBATCH_OPTION]... recipes/slurm/train.sh RECIPE --data DIR --save-dir DIR [OPTION]...
#
# RDROP_LAUNCH starts the ranks: "srun --mpi=pmix" unless set, or "mpirun". rdrop-train must be in the PATH.
set -uo pipefail
read -ra launch <<<"${RDROP_LAUNCH:-srun --mpi=pmix}"
if [ $# -eq 0 ]; then
    sed -n '2,/^set/{/^set/d;/^#SBATCH/d;s/^# \{0,1\}//p}' "$0"
    exit 2
fi
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
export SRUN_CPUS_PER_TASK=$OMP_NUM_THREADS # since Slurm 22.05 srun does not take sbatch's --cpus-per-task

stopped=0
training=
# The first signal is passed on, once there is a training. More would end waiting for it again and again.
stop() {
    stopped=1
    [ -n "$training" ] || return
    trap '' USR1 TERM
    kill -USR1 "$training" 2>/dev/null
}
trap stop USR1 TERM

"${launch[@]}" rdrop-train "$@" &
training=$!
[ $stopped = 0 ] || stop
wait "$training"
while kill -0 "$training" 2>/dev/null; do wait "$training"; done # a signal ended the waiting, not the training
wait "$training" # again: its own status, not that of a waiting which a signal ended
status=$?
# 128 + the number of INT, USR1 or TERM: saved and stopped. Any other failure would come again in the next job.
case $stopped-$status in
1-130 | 1-138 | 1-143) scontrol requeue "$SLURM_JOB_ID" && exit 0 ;;
esac
exit $status
