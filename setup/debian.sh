# debian.sh COMMAND PACKAGE: installs the package unless the command is there, if we may.
set -eu

command=$1 package=$2
if [ -n "$command" ] && command -v "$command" >/dev/null; then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "Please install $package (on Debian: apt-get install $package), then try again." >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then
  sudo=
elif sudo -n true 2>/dev/null; then
  sudo="sudo -n"
else
  echo "Please run this, then try again: sudo apt-get install $package" >&2
  exit 1
fi
echo "Installing Debian's $package …"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$package" >/dev/null
