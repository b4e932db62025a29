#!/bin/sh
# A worker that asks the file system at `hung` beside it one question.
cd "$(dirname "$0")" || exit 1
exec stat -f hung
