# Part of nfslab: the servers. Each is a network, host name and mount namespace with a kernel nfsd and the user-space daemons
# of its own, behind a veth pair: client 10.99.N.1, server 10.99.N.2. Export X of server N is /srv/nfsN/X/store, on a file
# system of its own at /srv/nfsN/X.
#
# Why two, and not one on loopback: a fault must hit one and leave the other alive, and NFSv4.1 takes two addresses of one
# server for one (trunking).

state=/var/lib/nfslab
EXPORT_MB=16 # Of each export's file system. Filling one must stay cheap: the image lies in the guest's memory.

# on SERVER COMMAND...: runs in a server's namespaces.
on() { local pid; read -r pid < "$state/$1.pid"; shift; nsenter -t "$pid" -m -u -n -- "$@"; }

# standing SERVER EXPORT rw|ro|moved|none: how it is to be exported, from the next `publish` on. Moved: with another fsid.
standing() { echo "$3" > "$state/$1$2.standing"; }

# Exports everything as it stands. One exportfs -r for all, so that nothing is withdrawn on the way that stays exported; then
# the kernel asks mountd again about everything, so that it counts at once.
publish() {
    local name export mode fsid
    for name in "${!server_of[@]}"; do
        [ "${server_of[$name]}" = "$1" ] || continue
        export=${export_of[$name]}; read -r mode < "$state/$1$export.standing"
        fsid=$1$((36#$export))
        [ "$mode" = moved ] && { mode=rw; fsid=9$fsid; }
        [ "$mode" = none ] || echo "/srv/nfs$1/$export/store *($mode,sync,no_root_squash,no_subtree_check,fsid=$fsid)"
    done > "$state/exports.$1"
    on "$1" bash -c 'exportfs -r || exit 1
        printf -v soon "%(%s)T"; soon=$((soon + 1))
        for cache in auth.unix.ip auth.unix.gid nfsd.fh nfsd.export; do echo $soon > /proc/net/rpc/$cache/flush; done'
}

# make_disk IMAGE MOUNT_POINT: a blank file system.
make_disk() {
    truncate -s ${EXPORT_MB}M "$1"
    mkfs.ext4 -q -F -m 0 -O ^has_journal -E lazy_itable_init=1 "$1"
    mkdir -p "$2"
    mount -o loop "$1" "$2"
    mkdir -m 777 "$2/store"
}

# Short leases and grace periods: recovery is measured in seconds here, not in minutes.
nfsd_start() { on "$1" rpc.nfsd -H 0.0.0.0 --lease-time 10 --grace-time 10 4; }

server_up() {
    local n=$1 pid name export
    mkdir -p "$state"
    for name in "${!server_of[@]}"; do
        [ "${server_of[$name]}" = "$n" ] || continue
        export=${export_of[$name]}
        make_disk "/var/nfs$n-$export.img" "/srv/nfs$n/$export"
        standing "$n" "$export" rw
    done
    touch "$state/exports.$n"
    unshare -m -u -n --propagation slave setsid sleep infinity </dev/null >/dev/null 2>&1 &
    pid=$!
    until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
    echo $pid > "$state/$n.pid"
    ip link add "v$n" type veth peer name eth0 netns $pid
    ip addr add "10.99.$n.1/24" dev "v$n"
    ip link set "v$n" up
    # nfsdcld keeps the clients' records: without it every start of nfsd begins with a grace period. It needs rpc_pipefs.
    on "$n" bash -s "$n" <<'SERVER'
hostname nfs$1
ip link set lo up; ip addr add 10.99.$1.2/24 dev eth0; ip link set eth0 up
touch /etc/exports; mount --bind /var/lib/nfslab/exports.$1 /etc/exports
mount -t tmpfs run /run; mkdir -p /run/rpcbind /run/sendsigs.omit.d /run/rpc_pipefs
cp -a /var/lib/nfs /run/var-lib-nfs; mount --bind /run/var-lib-nfs /var/lib/nfs
touch /var/lib/nfs/{etab,rmtab,xtab,state}; mkdir -p /var/lib/nfs/{nfsdcld,v4recovery,sm,sm.bak}
mount -t nfsd nfsd /proc/fs/nfsd
mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs
rpcbind -w || rpcbind
rpc.statd --no-notify
nfsdcld
SERVER
    nfsd_start "$n"
    on "$n" rpc.mountd --manage-gids
    publish "$n"
}
