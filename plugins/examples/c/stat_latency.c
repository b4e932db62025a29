/* stat_latency - a complete Storewarden probe in C: how long does one stat(2) of the mount point take?
 *
 *   cc -std=c99 -Wall -fPIC -shared -fvisibility=hidden -Wl,-z,now,-z,defs -I../../abi/include \
 *      -o libstat_latency.so stat_latency.c
 *
 * Put the library into the agent's plugin directory, owned by root and writable by nobody else. */
#define _POSIX_C_SOURCE 200809L
#include "storewarden_probe.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct swp_instance { const swp_host *host; };
static struct swp_instance the_instance; /* one process, one mount, one instance: nothing to allocate */

static int32_t create(const swp_create_args *args, swp_call *call, swp_instance **out) {
  (void)call; /* nothing to configure, nothing to complain about */
  the_instance.host = args->host;
  *out = &the_instance;
  return SWP_OK;
}

static int32_t probe(swp_instance *self, const swp_probe_args *args, swp_call *call) {
  char path[4096];
  struct stat found;
  struct timespec t0, t1;
  if (swp_path(args->mount_point, path, sizeof path) != SWP_OK) return SWP_E_UNSUPPORTED;
  clock_gettime(CLOCK_MONOTONIC, &t0);
  if (stat(path, &found) != 0) return swp_say(self->host, call, SWP_VERDICT_CRIT, "StatFailed", strerror(errno));
  clock_gettime(CLOCK_MONOTONIC, &t1);
  swp_gauge(self->host, call, "stat_seconds", (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec));
  return swp_say(self->host, call, SWP_VERDICT_OK, "OK", "");
}

static void destroy(swp_instance *self) { self->host = NULL; }

SWP_PLUGIN("{\"name\":\"stat-latency-c\",\"version\":\"1.0.0\",\"default_interval_ms\":30000,"
           "\"default_deadline_ms\":5000,\"capabilities\":[]}", create, probe, destroy)
