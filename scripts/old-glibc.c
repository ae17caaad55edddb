// Linked into the prebuilt binary for glibc, made on whatever Linux there is, so that it loads on
// glibc 2.28 (Debian 10, RHEL 8) and later. Takes the place of what newer systems' libstdc++.a and
// headers ask of libc; prebuild.mjs checks that nothing newer is left.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/random.h>

#define HIDDEN __attribute__((visibility("hidden")))

// Since glibc 2.34 libpthread is a part of libc, and what came over has a new version beside its
// old one. The old one is what every glibc has: an old one in libpthread, which Node itself has
// loaded. The linker is told --wrap for each of these.
#ifdef __aarch64__
#define FIRST_VERSION "GLIBC_2.17"
#else
#define FIRST_VERSION "GLIBC_2.2.5"
#endif
#define OLD(name) __asm__(".symver old_" #name ", " #name "@" FIRST_VERSION)

OLD(pthread_create);
extern int old_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
HIDDEN int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  return old_pthread_create(thread, attributes, body, argument);
}

OLD(pthread_join);
extern int old_pthread_join(pthread_t, void **);
HIDDEN int __wrap_pthread_join(pthread_t thread, void **result) { return old_pthread_join(thread, result); }

OLD(pthread_sigmask);
extern int old_pthread_sigmask(int, const sigset_t *, sigset_t *);
HIDDEN int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *before) {
  return old_pthread_sigmask(how, set, before);
}

OLD(pthread_once);
extern int old_pthread_once(pthread_once_t *, void (*)(void));
HIDDEN int __wrap_pthread_once(pthread_once_t *control, void (*body)(void)) { return old_pthread_once(control, body); }

OLD(__pthread_key_create);
extern int old___pthread_key_create(pthread_key_t *, void (*)(void *));
HIDDEN int __wrap___pthread_key_create(pthread_key_t *key, void (*destroy)(void *)) {
  return old___pthread_key_create(key, destroy);
}

// glibc 2.32. Lets counters of shared_ptr do without atomic instructions where there is one
// thread; Node always has several.
HIDDEN char __libc_single_threaded = 0;

// glibc 2.36. For std::random_device, which nobody here uses and libstdc++.a brings along.
HIDDEN uint32_t arc4random(void) {
  uint32_t value = 0;
  return getrandom(&value, sizeof value, 0) == sizeof value ? value : 0;
}

// glibc 2.35. Finds where an exception is handled. We are compiled without exceptions: nowhere,
// and one ends the process as it would anyway.
HIDDEN int _dl_find_object(void *address, void *result) {
  (void)address;
  (void)result;
  return -1;
}
