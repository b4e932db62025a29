/* Libraries that are almost plugins; which flaw is chosen with -D. Test fixture. */
#include "storewarden_probe.h"

static int32_t create(const swp_create_args *args, swp_call *call, swp_instance **out) {
  static int something;
  (void)args;
  (void)call;
#ifndef NULL_INSTANCE
  *out = (swp_instance *)(void *)&something;
#else
  (void)something;
  *out = 0;
#endif
  return SWP_OK;
}
static int32_t probe(swp_instance *instance, const swp_probe_args *args, swp_call *call) {
  (void)instance;
  (void)args;
  (void)call;
  return SWP_E_UNSUPPORTED;
}
static void destroy(swp_instance *instance) { (void)instance; }

#ifndef SIZE
#define SIZE sizeof(swp_plugin)
#endif
#ifndef MAJOR
#define MAJOR SWP_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR SWP_ABI_MINOR
#endif
#ifndef CREATE
#define CREATE create
#endif
#ifndef PROBE
#define PROBE probe
#endif
#ifndef DESTROY
#define DESTROY destroy
#endif
#ifndef NAME
#define NAME "broken"
#endif
#ifndef ENTRY
#define ENTRY storewarden_probe_v1
#endif

static const char manifest[] = "{\"name\":\"" NAME "\",\"version\":\"1\",\"default_interval_ms\":1000,"
                               "\"default_deadline_ms\":1000,\"capabilities\":[\"network\"]}";

__attribute__((visibility("default"))) const swp_plugin *ENTRY(void);
const swp_plugin *ENTRY(void) {
  static const swp_plugin plugin = {SIZE, MAJOR, MINOR, {manifest, sizeof manifest - 1}, CREATE, PROBE, DESTROY};
  /* Named so that leaving one of them out of the table is no warning. */
  int32_t (*const c)(const swp_create_args *, swp_call *, swp_instance **) = create;
  int32_t (*const p)(swp_instance *, const swp_probe_args *, swp_call *) = probe;
  void (*const d)(swp_instance *) = destroy;
  (void)c;
  (void)p;
  (void)d;
#ifdef NULL_TABLE
  (void)plugin;
  return 0;
#else
  return &plugin;
#endif
}
