/* A library without the entry function. */
int operon_not_a_plugin(void);
__attribute__((visibility("default"))) int operon_not_a_plugin(void) {
  return 0;
}
