/*
 * AES-GCM under a key in a PKCS #11 token. Each call stands alone: it finds the token, opens a
 * session, logs in, finds the key, works, and closes the session; so a session that was lost, or a
 * token that was taken out and put back, needs no mending. Hazard: a library that hangs or takes
 * seconds; so each call has a thread of its own, detached, which nobody waits for at exit. What a
 * code means is JavaScript's business: it gets the step that failed and the library's own code.
 */
#include "addon.h"
#include "cryptoki.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum operation { OPERATION_EXAMINE = 0, OPERATION_ENCRYPT = 1, OPERATION_DECRYPT = 2 };

/* Where a call ended. Known to src/platform/pkcs11.ts by these numbers. */
enum step {
  STEP_DONE = 0, STEP_MODULE = 1, STEP_INITIALIZE = 2, STEP_TOKEN = 3, STEP_TOKEN_ABSENT = 4,
  STEP_TOKEN_OTHER = 5, STEP_TOKEN_MANY = 6, STEP_SESSION = 7, STEP_LOGIN = 8, STEP_KEY = 9,
  STEP_KEY_ABSENT = 10, STEP_KEY_MANY = 11, STEP_MECHANISM = 12, STEP_CRYPT = 13
};

/* Fields of a request, each a length u32 (little-endian) and its bytes; empty: any. */
enum field {
  FIELD_MODULE, FIELD_TOKEN, FIELD_MANUFACTURER, FIELD_SERIAL, FIELD_MODEL, FIELD_SLOT, FIELD_PIN,
  FIELD_LABEL, FIELD_ID, FIELD_IV, FIELD_AAD, FIELD_INPUT, FIELDS
};

#define OUTPUT_MAX 4096
#define SLOTS_MAX 256
#define TAG_BITS 128

struct job {
  napi_threadsafe_function answer;
  uint8_t *request; /* owned; zeroed before it is freed: it holds PIN and DEK */
  size_t request_length;
  struct bytes fields[FIELDS];
  enum operation operation;
  enum step step;
  ck_ulong code;
  ck_ulong slot;
  uint8_t output[OUTPUT_MAX];
  ck_ulong output_length;
};

/* Libraries stay loaded: unloading one that has threads of its own is not safe. */
struct module {
  struct module *next;
  struct ck_function_list *list;
  char path[];
};

static struct module *modules;
static pthread_mutex_t modules_lock = PTHREAD_MUTEX_INITIALIZER;
/* Calls under way, in all libraries. */
static atomic_int active;

#define CALL(list, place, signature) ((ck_ulong(*) signature)(list)->functions[place])

static bool fails(struct job *job, enum step step, ck_ulong code) {
  job->step = step;
  job->code = code;
  return false;
}

static struct module *find_module(const char *path) {
  for (struct module *at = modules; at != NULL; at = at->next)
    if (strcmp(at->path, path) == 0) return at;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return NULL;
  ck_ulong (*get)(struct ck_function_list **);
  *(void **)&get = dlsym(library, "C_GetFunctionList");
  struct ck_function_list *list = NULL;
  if (get == NULL || get(&list) != CKR_OK || list == NULL || list->major < 2) {
    dlclose(library);
    return NULL;
  }
  struct module *made = malloc(sizeof *made + strlen(path) + 1);
  if (made == NULL) return NULL;
  made->list = list;
  made->next = modules;
  strcpy(made->path, path);
  modules = made;
  return made;
}

/* The function list of the named library, ready for use by several threads; NULL on failure. */
static struct ck_function_list *load(struct job *job) {
  struct bytes *path = &job->fields[FIELD_MODULE];
  char name[4096] = {0};
  if (path->length == 0 || path->length >= sizeof name) return fails(job, STEP_MODULE, 0), NULL;
  memcpy(name, path->data, path->length);
  pthread_mutex_lock(&modules_lock);
  struct module *module = find_module(name);
  ck_ulong code = CKR_OK;
  if (module != NULL) {
    struct ck_initialize_args args = {.flags = CKF_OS_LOCKING_OK};
    code = CALL(module->list, CK_INITIALIZE, (void *))(&args);
  }
  pthread_mutex_unlock(&modules_lock);
  if (module == NULL) return fails(job, STEP_MODULE, 0), NULL;
  if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED)
    return fails(job, STEP_INITIALIZE, code), NULL;
  return module->list;
}

/* True if there is nothing to compare, or the blank-padded text is this one. */
static bool is_text(const struct bytes *wanted, const ck_byte *text, size_t size) {
  if (wanted->length == 0) return true;
  if (wanted->length > size || memcmp(wanted->data, text, wanted->length) != 0) return false;
  for (size_t at = wanted->length; at < size; at++)
    if (text[at] != ' ' && text[at] != 0) return false;
  return true;
}

static bool is_slot(const struct bytes *wanted, ck_ulong slot) {
  if (wanted->length == 0) return true;
  ck_ulong number = 0;
  for (size_t at = 0; at < wanted->length; at++) number = number * 10 + (wanted->data[at] - '0');
  return number == slot;
}

static bool find_token(struct job *job, struct ck_function_list *list) {
  ck_ulong slots[SLOTS_MAX], count = SLOTS_MAX;
  size_t present = 0, found = 0;
  ck_ulong code = CALL(list, CK_GET_SLOT_LIST, (ck_byte, ck_ulong *, ck_ulong *))(1, slots, &count);
  if (code != CKR_OK) return fails(job, STEP_TOKEN, code);
  for (ck_ulong at = 0; at < count && at < SLOTS_MAX; at++) {
    struct ck_token_info info;
    memset(&info, 0, sizeof info);
    if (CALL(list, CK_GET_TOKEN_INFO, (ck_ulong, void *))(slots[at], &info) != CKR_OK) continue;
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    present++;
    if (!is_text(&job->fields[FIELD_TOKEN], info.label, sizeof info.label) ||
        !is_text(&job->fields[FIELD_MANUFACTURER], info.manufacturer, sizeof info.manufacturer) ||
        !is_text(&job->fields[FIELD_SERIAL], info.serial, sizeof info.serial) ||
        !is_text(&job->fields[FIELD_MODEL], info.model, sizeof info.model) ||
        !is_slot(&job->fields[FIELD_SLOT], slots[at]))
      continue;
    found++;
    job->slot = slots[at];
  }
  if (found == 1) return true;
  return fails(job, present == 0 ? STEP_TOKEN_ABSENT : found == 0 ? STEP_TOKEN_OTHER
                                                                  : STEP_TOKEN_MANY, 0);
}

static bool find_key(struct job *job, struct ck_function_list *list, ck_ulong session,
                     ck_ulong *key) {
  ck_ulong class = CKO_SECRET_KEY, type = CKK_AES, found[2] = {0}, count = 0, size = 2;
  struct ck_attribute wanted[4] = {{CKA_CLASS, &class, sizeof class},
                                   {CKA_KEY_TYPE, &type, sizeof type}};
  struct bytes *label = &job->fields[FIELD_LABEL], *id = &job->fields[FIELD_ID];
  if (label->length > 0)
    wanted[size++] = (struct ck_attribute){CKA_LABEL, label->data, label->length};
  if (id->length > 0) wanted[size++] = (struct ck_attribute){CKA_ID, id->data, id->length};
  ck_ulong code = CALL(list, CK_FIND_OBJECTS_INIT, (ck_ulong, void *, ck_ulong))(
      session, wanted, size);
  if (code != CKR_OK) return fails(job, STEP_KEY, code);
  code = CALL(list, CK_FIND_OBJECTS, (ck_ulong, ck_ulong *, ck_ulong, ck_ulong *))(
      session, found, 2, &count);
  CALL(list, CK_FIND_OBJECTS_FINAL, (ck_ulong))(session);
  if (code != CKR_OK) return fails(job, STEP_KEY, code);
  if (count != 1) return fails(job, count == 0 ? STEP_KEY_ABSENT : STEP_KEY_MANY, 0);
  *key = found[0];
  return true;
}

/* Output: encrypt u8 | decrypt u8 | key bytes u8. A token that does not tell counts as able. */
static bool examine(struct job *job, struct ck_function_list *list, ck_ulong session,
                    ck_ulong key) {
  struct ck_mechanism_info mechanism;
  memset(&mechanism, 0, sizeof mechanism);
  ck_ulong code = CALL(list, CK_GET_MECHANISM_INFO, (ck_ulong, ck_ulong, void *))(
      job->slot, CKM_AES_GCM, &mechanism);
  if (code != CKR_OK) return fails(job, STEP_MECHANISM, code);
  ck_byte flags[2] = {1, 1};
  ck_ulong length = 32;
  struct ck_attribute asked[3] = {{CKA_ENCRYPT, &flags[0], 1},
                                  {CKA_DECRYPT, &flags[1], 1},
                                  {CKA_VALUE_LEN, &length, sizeof length}};
  for (int at = 0; at < 3; at++)
    CALL(list, CK_GET_ATTRIBUTE_VALUE, (ck_ulong, ck_ulong, void *, ck_ulong))(
        session, key, &asked[at], 1);
  job->output[0] = flags[0] && (mechanism.flags & CKF_ENCRYPT) != 0;
  job->output[1] = flags[1] && (mechanism.flags & CKF_DECRYPT) != 0;
  job->output[2] = length > 255 ? 255 : (uint8_t)length;
  job->output_length = 3;
  return true;
}

/* Output: the IV as the token used it (some choose their own), then what it made. */
static bool crypt(struct job *job, struct ck_function_list *list, ck_ulong session, ck_ulong key) {
  struct bytes *iv = &job->fields[FIELD_IV], *aad = &job->fields[FIELD_AAD];
  struct bytes *input = &job->fields[FIELD_INPUT];
  struct ck_gcm_params params = {iv->data, iv->length, iv->length * 8,
                                 aad->data, aad->length, TAG_BITS};
  struct ck_mechanism mechanism = {CKM_AES_GCM, &params, sizeof params};
  bool encrypts = job->operation == OPERATION_ENCRYPT;
  int begin = encrypts ? CK_ENCRYPT_INIT : CK_DECRYPT_INIT;
  ck_ulong code = CALL(list, begin, (ck_ulong, void *, ck_ulong))(session, &mechanism, key);
  if (code != CKR_OK) return fails(job, STEP_MECHANISM, code);
  ck_ulong length = OUTPUT_MAX - iv->length;
  code = CALL(list, encrypts ? CK_ENCRYPT : CK_DECRYPT,
              (ck_ulong, ck_byte *, ck_ulong, ck_byte *, ck_ulong *))(
      session, input->data, input->length, job->output + iv->length, &length);
  if (code != CKR_OK) return fails(job, STEP_CRYPT, code);
  memcpy(job->output, iv->data, iv->length);
  job->output_length = iv->length + length;
  return true;
}

static void work(struct job *job) {
  struct ck_function_list *list = load(job);
  ck_ulong session = 0, key = 0;
  struct bytes *pin = &job->fields[FIELD_PIN];
  if (list == NULL || !find_token(job, list)) return;
  ck_ulong code = CALL(list, CK_OPEN_SESSION, (ck_ulong, ck_ulong, void *, void *, ck_ulong *))(
      job->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
  if (code != CKR_OK) {
    fails(job, STEP_SESSION, code);
    return;
  }
  if (pin->length > 0)
    code = CALL(list, CK_LOGIN, (ck_ulong, ck_ulong, ck_byte *, ck_ulong))(
        session, CKU_USER, pin->data, pin->length);
  /* The login is the process's, shared by its sessions; it ends with the last of them. */
  if (code != CKR_OK && code != CKR_USER_ALREADY_LOGGED_IN) fails(job, STEP_LOGIN, code);
  else if (find_key(job, list, session, &key)) {
    if (job->operation == OPERATION_EXAMINE) examine(job, list, session, key);
    else crypt(job, list, session, key);
  }
  CALL(list, CK_CLOSE_SESSION, (ck_ulong))(session);
}

static void job_free(struct job *job) {
  if (job->request != NULL) explicit_bzero(job->request, job->request_length);
  free(job->request);
  explicit_bzero(job, sizeof *job);
  free(job);
}

/* A token that comes, or comes back, is seen by some libraries only after they start afresh. */
static void restart_if_gone(struct job *job) {
  if (job->step != STEP_TOKEN_ABSENT && job->step != STEP_TOKEN_OTHER &&
      job->code != CKR_DEVICE_REMOVED && job->code != CKR_CRYPTOKI_NOT_INITIALIZED)
    return;
  if (active > 1) return; /* another call would lose the ground under its feet */
  struct ck_function_list *list = load(&(struct job){.fields = {job->fields[FIELD_MODULE]}});
  if (list != NULL) CALL(list, CK_FINALIZE, (void *))(NULL);
}

static void *run(void *data) {
  struct job *job = data;
  napi_threadsafe_function answer = job->answer;
  active++;
  work(job);
  if (job->step != STEP_DONE) restart_if_gone(job);
  active--;
  /* Refused when the environment is ending: then nobody is left to be told. */
  if (napi_call_threadsafe_function(answer, job, napi_tsfn_nonblocking) != napi_ok) job_free(job);
  napi_release_threadsafe_function(answer, napi_tsfn_release);
  return NULL;
}

/* Tells JavaScript: done(step, code, output). */
static void tell(napi_env env, napi_value done, void *context, void *data) {
  (void)context;
  struct job *job = data;
  napi_value arguments[3], self;
  void *copy = NULL;
  if (env != NULL && napi_get_undefined(env, &self) == napi_ok &&
      napi_create_uint32(env, job->step, &arguments[0]) == napi_ok &&
      napi_create_uint32(env, (uint32_t)job->code, &arguments[1]) == napi_ok &&
      napi_create_buffer_copy(env, job->step == STEP_DONE ? job->output_length : 0, job->output,
                              &copy, &arguments[2]) == napi_ok)
    napi_call_function(env, self, done, 3, arguments, NULL);
  job_free(job);
}

static bool parse(struct job *job) {
  size_t at = 0;
  for (int field = 0; field < FIELDS; field++) {
    uint32_t length;
    if (job->request_length - at < sizeof length) return false;
    memcpy(&length, job->request + at, sizeof length);
    at += sizeof length;
    if (length > job->request_length - at) return false;
    job->fields[field] = (struct bytes){job->request + at, length};
    at += length;
  }
  return at == job->request_length && job->fields[FIELD_IV].length <= 256;
}

/* pkcs11(operation, request, done): `done` is called once, whatever happens. */
napi_value pkcs11_call(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes request;
  uint32_t operation;
  napi_value name;
  pthread_t thread;
  if (!call_begin(&call, env, info, 3) || !call_u32(&call, 0, &operation) ||
      !call_bytes(&call, 1, &request))
    return NULL;
  if (operation > OPERATION_DECRYPT) return throw_range(env, "no such operation"), NULL;
  struct job *job = calloc(1, sizeof *job);
  if (job != NULL) job->request = malloc(request.length + 1);
  if (job == NULL || job->request == NULL) {
    free(job);
    return throw_plain(env, "out of memory"), NULL;
  }
  memcpy(job->request, request.data, request.length);
  job->request_length = request.length;
  job->operation = (enum operation)operation;
  if (!parse(job)) return job_free(job), throw_range(env, "a request of another form"), NULL;
  if (napi_create_string_utf8(env, "pkcs11", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, call.argv[2], NULL, name, 0, 1, NULL, NULL, NULL, tell,
                                      &job->answer) != napi_ok)
    return job_free(job), throw_type(env, "a function is needed"), NULL;
  napi_threadsafe_function answer = job->answer;
  if (pthread_create(&thread, NULL, run, job) != 0) {
    napi_release_threadsafe_function(answer, napi_tsfn_release);
    return job_free(job), throw_plain(env, "no thread for it"), NULL;
  }
  pthread_detach(thread);
  return NULL;
}
