#!/bin/sh
# Installs the Debian packages that the peers need and the machine has not, if it
# may. What is missing afterwards is skipped, not an error.
set -eu

missing=
need() { # COMMAND-OR-FILE PACKAGE
    [ -e "$1" ] || command -v "$1" >/dev/null || missing="$missing $2"
}
PATH=$PATH:/usr/sbin
need /usr/bin/chromium chromium
need /usr/include/libwebsockets.h libwebsockets-dev
need nginx nginx
need haproxy haproxy
need slowhttptest slowhttptest
need firefox-esr firefox-esr
need certutil libnss3-tools
need nghttpx nghttp2-proxy
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, and skipped:$missing. On Debian, as root: apt-get install$missing"
    exit 0
fi
echo "installing with apt-get:$missing"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >install.log 2>&1; then
    tail -n 5 install.log
    echo "apt-get failed, see examples/tools/interop/install.log; what is missing is skipped"
fi
