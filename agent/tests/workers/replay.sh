#!/bin/sh
# A worker that sends the frames in the file `frames` beside it, then stays until it is killed. It opens its mount's
# directory `store` beside it, as a real one would.
cd "$(dirname "$0")" || exit 1
: < store
cat frames >&0
exec sleep 1000
