#!/bin/bash
# The whole recipe: about 75 minutes on 2 shared cores at nice 19.  ./make.sh WORKDIR
set -euo pipefail
cd "$(dirname "$0")"; W=$(realpath -m "${1:-../work}"); mkdir -p "$W/t" "$W/s"
export OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1
[ -d "$W/train-venv" ] || { python3 -m venv "$W/train-venv"; "$W/train-venv/bin/pip" install -q -r requirements.txt; }
[ -d "$W/engine-venv" ] || { python3 -m venv "$W/engine-venv"; "$W/engine-venv/bin/pip" install -q -r requirements-engine.txt; }
T="nice -n 19 $W/train-venv/bin/python"; E=$W/engine-venv/bin/python
CORPUS_WIDE=0 $T prepare.py "$W/t" 240000                                  # corpus + tokenizer (shared by both models)
$T prepare.py "$W/s" 260000 "$W/t/tokenizer.json"                          # wider corpus for "small"
MIX=0 $T train.py "$W/t" tiny 20 "$W/tiny.pt"
MIX=1 $T train.py "$W/s" small 32 "$W/small.pt"
for m in tiny small; do for q in f16 q8_0; do
  $T convert.py "$W/$m.pt" "$W/t/tokenizer.json" "$W/$m-$q.gguf" $q $m
done; $T eval.py "$E" "$W/$m-q8_0.gguf" 60 "$W/eval-$m.json"; done
$T verify.py "$E" "$W/t/tokenizer.json" "$W"/tiny-q8_0.gguf "$W"/small-q8_0.gguf
