"""Whether TensorBoard reads the event files of `tensorboard: true`: its EventAccumulator has every update and validation of
train.jsonl, once, with its values, however often the training was started.

    check_tensorboard.py SAVE_DIR      needs the package tensorboard
"""
import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main():
    save_dir = pathlib.Path(sys.argv[1])
    events = EventAccumulator(str(save_dir / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    logged = {}
    for line in (save_dir / "train.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["event"] in ("train", "valid"):
            for key, value in event.items():
                if isinstance(value, float):
                    logged.setdefault(f"{event['event']}/{key}", []).append((event["update"], value))
    logged = {tag: values for tag, values in logged.items() if not tag.endswith("/seconds")}
    tags = events.Tags()["scalars"]
    if sorted(tags) != sorted(logged):
        raise SystemExit(f"tags: {sorted(tags)}; logged: {sorted(logged)}")
    for tag in tags:
        read = [(e.step, e.value) for e in events.Scalars(tag)]
        if [step for step, _ in read] != [step for step, _ in logged[tag]]:
            raise SystemExit(f"{tag}: updates {[s for s, _ in read]}; logged: {[s for s, _ in logged[tag]]}")
        if not all(math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-7) for (_, a), (_, b) in zip(read, logged[tag])):
            raise SystemExit(f"{tag}: {read}; logged: {logged[tag]}")
    files = len(list((save_dir / "tensorboard").iterdir()))
    print(f"{len(tags)} tags, {sum(map(len, logged.values()))} values in {files} files, all as train.jsonl has them")


main()
