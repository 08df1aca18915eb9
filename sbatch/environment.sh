#!/usr/bin/env bash
# Builds the Python environment of the jobs, once for every set of requirements.
#   environment.sh [--where] STORAGE      --where: only print its folder
#
# FATHOMNET_PYTHON       the Python to use, 3.11 or newer
#                        [default: with uv whatever it finds or fetches, else python3]
# UV_CACHE_DIR           uv's cache                        [default: cache/uv in STORAGE]
# FATHOMNET_TORCH_INDEX  where to get torch from, for an old driver, such as
#                        https://download.pytorch.org/whl/cu126
set -euo pipefail
unset PYTHONPATH PYTHONHOME # of a module, for another Python
export PYTHONNOUSERSITE=1
where=''
[[ "${1:-}" != --where ]] || { where=yes && shift; }
storage="${1:?environment.sh needs the storage folder}"
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${FATHOMNET_PYTHON:-}"
index="${FATHOMNET_TORCH_INDEX:-}"

# The name holds what the environment depends on, so that a running job keeps the one it has.
cd "$repository"
key="$({ cat pyproject.toml inference/pyproject.toml constraints.txt && pwd && printf '%s %s' "$python" "$index"; } |
    sha256sum | cut -c -12)"
folder="$storage/environments/$key"
if [[ -n "$where" ]]; then
    printf '%s\n' "$folder"
    exit
fi

# What the environment consists of. Scratch is purged file by file, and the mark may outlive others.
contents() {
    find "$folder" -name __pycache__ -prune -o \( -type f -o -type l \) ! -path "$folder/complete" \
        -printf '%P %s\n' 2>/dev/null | LC_ALL=C sort | sha256sum
}
is_complete() {
    [[ -f "$folder/complete" && "$(<"$folder/complete")" == "$(contents)" ]] &&
        "$folder/bin/fathomnet-infer" --version >/dev/null 2>&1
}
! is_complete || exit 0

mkdir -p "$storage/environments"
exec 9>"$storage/environments/lock"
flock 9 || printf 'no locks on this file system: start one submit.sh at a time\n' >&2
! is_complete || exit 0 # another one built it meanwhile

[[ ! -f "$folder/complete" ]] || printf 'files of %s are gone: it is built again\n' "$folder" >&2
printf 'building %s, once; some minutes\n' "$folder" >&2
rm -rf "$folder"
# Home folders on clusters are small, and a cache there cannot be linked into another file system:
# uv's hard links then fail and leave packages empty.
export UV_LINK_MODE=copy UV_CACHE_DIR="${UV_CACHE_DIR:-$storage/cache/uv}" PIP_CACHE_DIR="$storage/cache/pip"
# A Python that uv fetches has to be where the jobs see it.
export UV_PYTHON_INSTALL_DIR="${UV_PYTHON_INSTALL_DIR:-$storage/python}"
options=(--constraint constraints.txt)
[[ -z "$index" ]] || options+=(--extra-index-url "$index")
if command -v uv >/dev/null; then
    uv venv --quiet --python "${python:->=3.11,<3.14}" "$folder"
    install=(uv pip install --quiet --python "$folder/bin/python")
    [[ -z "$index" ]] || options+=(--index-strategy unsafe-best-match)
else
    "${python:=python3}" -m venv "$folder"
    install=("$folder/bin/python" -m pip install --quiet --disable-pip-version-check)
fi
"${install[@]}" "${options[@]}" --editable . --editable ./inference >&2
"$folder/bin/fathomnet-infer" --version >&2
contents >"$folder/complete"
