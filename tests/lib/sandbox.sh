#!/bin/sh
# sandbox.sh DIRECTORY COMMAND [ARG...]: runs COMMAND where the file system looks as it does to a service with ProtectSystem=strict,
# ProtectHome, PrivateTmp, PrivateDevices and ProtectProc=invisible. Of DIRECTORY, which stays, state/ and run/ can be written to.
# To be run by root in a mount namespace that nobody else is in.
set -eu
directory=$1
shift
work=$(mktemp -d /run/sandbox.XXXXXX)

mkdir "$work/kept" "$work/dev"
mount --bind "$directory" "$work/kept"
for folder in /tmp /var/tmp /home /root; do
    [ ! -d "$folder" ] || mount -t tmpfs -o mode=1777 tmpfs "$folder"
done
mkdir -p "$directory"
mount --move "$work/kept" "$directory"
for folder in state run; do
    mount --bind "$directory/$folder" "$directory/$folder"
done

mount -t tmpfs -o mode=755 tmpfs "$work/dev"
for device in null zero full random urandom; do
    : >"$work/dev/$device"
    mount --bind "/dev/$device" "$work/dev/$device"
done
mount --move "$work/dev" /dev
mount -t proc -o hidepid=invisible proc /proc

# What is covered by another mount is not there to be made read-only, and need not be.
findmnt --list --noheadings --output TARGET | while read -r target; do
    case $target in
    /proc* | /dev* | /tmp | /var/tmp | "$directory/state" | "$directory/run") ;;
    *) mount -o remount,bind,ro "$target" 2>/dev/null || : ;;
    esac
done
exec "$@"
