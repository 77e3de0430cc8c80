# Makes .venv anew, with Debian's python3-venv where that is missing.
set -eu

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || {
  echo "Payseal needs Python 3.11, 3.12 or 3.13; this is $("$python" --version)." >&2
  exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  sh "$(dirname "$0")/debian.sh" "" python3-venv
fi
rm -rf .venv
"$python" -m venv .venv
