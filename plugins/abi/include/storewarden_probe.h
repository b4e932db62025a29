/* storewarden_probe.h - the C ABI of Storewarden probes, major version 1.
 *
 * A probe is a shared library that answers one question about one mounted file system: "how is it?". It exports one
 * function, storewarden_probe_v1(), and is loaded by a small process that exists for one mount and may be killed at any
 * time. Everything a probe and its host may expect of each other is in this file.
 *
 * R1  Growth. Every struct that begins with `size` holds there sizeof(struct) as its writer knew it. Later minor versions
 *     only add fields at the end. A reader looks at no byte beyond `size`; a field that is not there reads as zero.
 *     swp_str has no `size` and never changes.
 * R2  Memory. Nothing changes owner. What the host passes is lent until the function returns; what a probe passes to a
 *     callback is copied before the callback returns. There is no free(). The one exception is swp_instance: create()
 *     makes it, destroy() takes it back, and only the probe looks inside.
 * R3  Types. No enum, bool, long, bit-field, FILE, errno or exception crosses this border.
 * R4  Control. No exception, panic or longjmp leaves a probe's function or passes through a callback.
 * R5  Threads. The host calls from one thread, one call at a time. Threads of the probe's own may use the callbacks
 *     while the call that gave them their swp_call has not returned; afterwards every callback refuses (SWP_E_ENDED).
 * R6  Time. deadline_ns is absolute, on CLOCK_MONOTONIC. A call that is not back soon after it ends with the process:
 *     SIGKILL, no warning. A probe that sleeps or loops asks cancelled() in between.
 *
 * Strings are pointer and length, UTF-8, without a NUL, unless a comment says "bytes". A NULL pointer with length 0 is
 * the empty string.
 */
#ifndef STOREWARDEN_PROBE_H
#define STOREWARDEN_PROBE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SWP_ABI_MAJOR 1u
#define SWP_ABI_MINOR 0u

/* The one symbol a probe exports. Its number is the ABI's major version. */
#define SWP_ENTRY_SYMBOL "storewarden_probe_v1"

/* Results. They say whether the function did its job; what a probe FOUND is the verdict, which is something else. */
#define SWP_OK 0
#define SWP_E_CONFIG (-1)      /* create(): this configuration cannot work */
#define SWP_E_CANCELLED (-2)   /* gave up because cancelled() said so */
#define SWP_E_UNSUPPORTED (-3) /* this probe has no meaning for this target: skip it, no alarm */
#define SWP_E_FAILED (-4)      /* could not measure */
#define SWP_E_INTERNAL (-5)    /* a fault of the probe itself: caught panic, broken invariant */
#define SWP_E_LIMIT (-6)       /* from callbacks: one more than the bounds below allow; not taken */
#define SWP_E_ENDED (-7)       /* from callbacks: the call that this swp_call belongs to has returned */
#define SWP_E_INVALID (-8)     /* from callbacks: malformed, or not allowed in this call; not taken */

/* Verdicts: the four numbers that check programs have always used. */
#define SWP_VERDICT_OK 0u
#define SWP_VERDICT_WARN 1u
#define SWP_VERDICT_CRIT 2u
#define SWP_VERDICT_UNKNOWN 3u

/* Kinds of metric. */
#define SWP_GAUGE 1u   /* a value that goes up and down */
#define SWP_COUNTER 2u /* a total that only grows while the process lives */

/* Levels of log(). */
#define SWP_LOG_ERROR 1u
#define SWP_LOG_WARN 2u
#define SWP_LOG_INFO 3u
#define SWP_LOG_DEBUG 4u
#define SWP_LOG_TRACE 5u

/* Bounds of one call. Text over its bound is cut on a character boundary; a thing too many is refused. */
#define SWP_NAME_BYTES_MAX 64u        /* names of metrics and evidence, tokens of verdicts */
#define SWP_TEXT_BYTES_MAX 1024u      /* messages and log lines */
#define SWP_METRICS_MAX 64u
#define SWP_EVIDENCE_MAX 16u
#define SWP_EVIDENCE_BYTES_MAX 65536u /* of all evidence of one call together */
#define SWP_LOG_LINES_MAX 64u
#define SWP_MANIFEST_BYTES_MAX 65536u

typedef struct swp_str { /* 16 bytes, frozen */
  const char *ptr;
  uint64_t len;
} swp_str;

typedef struct swp_instance swp_instance; /* the probe's own, opaque to the host */
typedef struct swp_call swp_call;         /* the host's own, opaque to the probe; never follow it */

typedef struct swp_metric { /* 32 bytes */
  uint32_t size;
  uint32_t kind; /* SWP_GAUGE or SWP_COUNTER */
  swp_str name;  /* [a-zA-Z_][a-zA-Z0-9_]*, its unit last: "statx_seconds"; once per call */
  double value;  /* finite */
} swp_metric;

typedef struct swp_evidence { /* 40 bytes */
  uint32_t size;
  uint32_t reserved; /* 0 */
  swp_str name;      /* what the text is: "mountstats" */
  swp_str text;
} swp_evidence;

typedef struct swp_verdict { /* 40 bytes */
  uint32_t size;
  uint32_t code;   /* SWP_VERDICT_* */
  swp_str reason;  /* a stable token for machines, [A-Za-z0-9_]+: "WriteLatencyHigh", or a code of Storewarden */
  swp_str message; /* one sentence for people; may be empty when OK */
} swp_verdict;

typedef struct swp_host { /* 56 bytes */
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void (*log)(swp_call *call, uint32_t level, swp_str message);
  int32_t (*metric)(swp_call *call, const swp_metric *metric);
  int32_t (*evidence)(swp_call *call, const swp_evidence *evidence);
  int32_t (*verdict)(swp_call *call, const swp_verdict *verdict); /* exactly once in a probe() that returns SWP_OK */
  void (*fail)(swp_call *call, swp_str message);                  /* the text that goes with a negative result */
  int32_t (*cancelled)(swp_call *call);                           /* 1: nobody waits for the answer any more; else 0 */
} swp_host;

typedef struct swp_create_args { /* 40 bytes */
  uint32_t size;
  uint32_t reserved;    /* 0 */
  const swp_host *host; /* lent until destroy() returns */
  swp_str config_json;  /* one JSON object; "{}" when nothing is configured */
  uint64_t deadline_ns;
} swp_create_args;

typedef struct swp_probe_args { /* 80 bytes */
  uint32_t size;
  int32_t root_fd; /* O_PATH descriptor of the mount's root, lent; or -1: open mount_point */
  uint64_t deadline_ns;
  swp_str mount_point; /* bytes: absolute path */
  swp_str fs_type;     /* "nfs4" */
  swp_str source;      /* bytes: "server:/export" */
  swp_str identity_json; /* what the mount is expected to be, one JSON object; empty when nothing is known yet:
                            {"kind":"network|local|dir", "root_handle":"hex", "root_inode":[number, birth time in ns],
                            "file_id":"first line of .storewarden/identity"}, each key optional */
} swp_probe_args;

typedef struct swp_plugin { /* 48 bytes */
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor;    /* the lowest minor of a host that this probe can work with */
  swp_str manifest_json; /* one JSON object:
                            {"name":"nfs-rtt", "version":"1.2.0", "default_interval_ms":30000, "default_deadline_ms":5000,
                            "capabilities":["read_data", "write_data", "raw_device", "network", "exec"]}
                            `capabilities` lists what it asks for, `[]` when nothing. Other keys are for people. */
  int32_t (*create)(const swp_create_args *args, swp_call *call, swp_instance **out);
  int32_t (*probe)(swp_instance *instance, const swp_probe_args *args, swp_call *call);
  void (*destroy)(swp_instance *instance);
} swp_plugin;

/* Exported by the probe. Returns constant data and does nothing else. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const swp_plugin *
storewarden_probe_v1(void);

/* Helpers, so that a probe in C stays short. */
static inline swp_str swp_text(const char *text) {
  swp_str s;
  s.ptr = text;
  s.len = 0;
  while (text && text[s.len] != '\0') {
    s.len++;
  }
  return s;
}

static inline int32_t swp_gauge(const swp_host *host, swp_call *call, const char *name, double value) {
  swp_metric m;
  m.size = (uint32_t)sizeof m;
  m.kind = SWP_GAUGE;
  m.name = swp_text(name);
  m.value = value;
  return host->metric(call, &m);
}

static inline int32_t swp_say(const swp_host *host, swp_call *call, uint32_t code, const char *reason,
                              const char *message) {
  swp_verdict v;
  v.size = (uint32_t)sizeof v;
  v.code = code;
  v.reason = swp_text(reason);
  v.message = swp_text(message);
  return host->verdict(call, &v);
}

/* The path as a C string, or SWP_E_LIMIT when the buffer is too small. */
static inline int32_t swp_path(swp_str path, char *buffer, uint64_t size) {
  uint64_t i;
  if (path.len >= size) {
    return SWP_E_LIMIT;
  }
  for (i = 0; i < path.len; i++) {
    buffer[i] = path.ptr[i];
  }
  buffer[i] = '\0';
  return SWP_OK;
}

/* Defines the exported function. `manifest` is a string literal. No semicolon after it. */
#define SWP_PLUGIN(manifest, create, probe, destroy)                                                                   \
  const swp_plugin *storewarden_probe_v1(void) {                                                                       \
    static const swp_plugin plugin = {sizeof(swp_plugin),                                                              \
                                      SWP_ABI_MAJOR,                                                                   \
                                      SWP_ABI_MINOR,                                                                   \
                                      {manifest, sizeof(manifest) - 1},                                                \
                                      create,                                                                          \
                                      probe,                                                                           \
                                      destroy};                                                                        \
    return &plugin;                                                                                                    \
  }

#ifdef __cplusplus
}
#endif
#endif /* STOREWARDEN_PROBE_H */
