/* A library that cannot be loaded: it needs a function that nobody has. */
int operon_nobody_has_this(void);
__attribute__((visibility("default"))) int operon_entry_v1(void);
int operon_entry_v1(void) {
  return operon_nobody_has_this();
}
