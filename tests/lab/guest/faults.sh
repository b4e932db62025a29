# Part of nfslab: the faults. A target is the name of a mount (what is broken is its export) or the number of a server.
#
#   of an export:  fsid       exported under another fsid: every handle is stale
#                  recreate   the exported directory removed and made again with the same content (heals by remounting)
#                  unexport   no longer exported
#                  blank      a blank file system behind the same fsid: the root's handle stays valid
#                  full       no space left
#                  readonly   exported read-only; the client's mount still says rw
#   of a server:   drop       its packets vanish            reject     connections are reset
#                  nfsd       nfsd is stopped               link       its cable is out
#                  slow:MS    every packet of it is late    loss:PCT   packets of it are lost
# heal undoes all of them but `recreate`.

fault() {
    local kind=${1%%:*} argument=${1#*:} target
    shift
    [ $# -gt 0 ] || die "fault $kind of what?"
    for target; do
        case $kind in
        fsid | recreate | unexport | blank | full | readonly)
            known "$target"
            "fault_$kind" "${server_of[$target]}" "${export_of[$target]}" || die "fault $kind $target" ;;
        drop | reject | nfsd | link | slow | loss)
            [ -e "$state/$target.pid" ] || die "no server has the number $target"
            "fault_$kind" "$target" "$argument" || die "fault $kind $target" ;;
        *) die "no fault is called $kind" ;;
        esac
    done
    case $kind in fsid | recreate | unexport | blank | readonly) each publish $(servers "$@") ;; esac
}

# The servers of these targets, each once.
servers() {
    local target; local -A seen=()
    for target; do case $target in [12]) seen[$target]=1 ;; *) known "$target"; seen[${server_of[$target]}]=1 ;; esac; done
    echo "${!seen[@]}"
}

fault_fsid() { standing "$1" "$2" moved; }
fault_unexport() { standing "$1" "$2" none; }
fault_readonly() { standing "$1" "$2" ro; }
fault_recreate() {
    local store=/srv/nfs$1/$2/store
    mv "$store" "$store.gone" && mkdir -m 777 "$store" && cp -a "$store.gone/." "$store/" && rm -rf "$store.gone"
}
fault_blank() { make_disk "/var/blank$1-$2.img" "/srv/nfs$1/$2"; }
fault_full() {
    local disk=/srv/nfs$1/$2
    dd if=/dev/zero of="$disk/fill" bs=1M 2>/dev/null
    dd if=/dev/zero of="$disk/fill" bs=1k oflag=append conv=notrunc 2>/dev/null
    sync -f "$disk/fill"
    [ "$(stat -f -c %a "$disk")" -eq 0 ]
}

filter() {
    on "$1" nft -f - <<RULES
table inet lab {
    chain in {
        type filter hook input priority 0
        tcp dport { 2049, 111, 20048 } $2
        udp dport { 111, 20048 } drop
    }
}
RULES
}
fault_drop() { filter "$1" drop; }
fault_reject() { filter "$1" "reject with tcp reset"; }
fault_nfsd() { on "$1" rpc.nfsd 0; }
fault_link() { ip link set "v$1" down; }
fault_slow() { on "$1" tc qdisc replace dev eth0 root netem delay "$2ms"; }
fault_loss() { on "$1" tc qdisc replace dev eth0 root netem loss "$2%"; }

heal() {
    local target server
    [ $# -gt 0 ] || set -- "${names[@]}"
    for target; do case $target in [12]) ;; *) known "$target"; heal_export "${server_of[$target]}" "${export_of[$target]}" ;; esac; done
    for server in $(servers "$@"); do heal_server "$server"; publish "$server"; done
}

heal_export() {
    local disk=/srv/nfs$1/$2
    [ ! -e "$disk/fill" ] || rm -f "$disk/fill"
    standing "$1" "$2" rw
    # A blank file system lies over the right one and is busy while the server knows handles of it: lazily.
    while [ "$(grep -c " $disk " /proc/self/mountinfo)" -gt 1 ]; do umount -l "$disk"; done
}

heal_server() {
    ip link set "v$1" up
    on "$1" bash -c 'nft delete table inet lab 2>/dev/null
        tc qdisc del dev eth0 root 2>/dev/null
        read -r threads < /proc/fs/nfsd/threads; [ "$threads" != 0 ]' || nfsd_start "$1"
}
