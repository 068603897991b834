/* A filter of HDF5 as a plugin: number 33000, which adds KEY to each byte.  With CRASHES it ends the process that loads
   it, with HANGS it never returns to it. */
#include <stdlib.h>
#include <unistd.h>

#ifndef KEY
#define KEY 1
#endif
#define REVERSE 0x0100

static size_t filter(unsigned flags, size_t count, const unsigned values[], size_t bytes, size_t *room, void **data) {
  (void)count, (void)values, (void)room;
  for (size_t i = 0; i < bytes; ++i) ((unsigned char *)*data)[i] += flags & REVERSE ? -KEY : KEY;
  return bytes;
}

/* H5Z_class2_t. */
static const struct {
  int version, id;
  unsigned encodes, decodes;
  const char *name;
  void *can_apply, *set_local;
  size_t (*filter)(unsigned, size_t, const unsigned[], size_t, size_t *, void **);
} description = {1, 33000, 1, 1, "adds", NULL, NULL, filter};

int H5PLget_plugin_type(void) { return 0; }
const void *H5PLget_plugin_info(void) { return &description; }

__attribute__((constructor)) static void loaded(void) {
#ifdef CRASHES
  abort();
#endif
#ifdef HANGS
  for (;;) pause();
#endif
}
