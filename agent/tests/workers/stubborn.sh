#!/bin/sh
# A worker that ignores every signal that can be ignored, and the end of its socket.
trap '' HUP INT QUIT TERM PIPE
while :; do sleep 1000; done
