/*
 * The part of PKCS #11 v2.40 (OASIS, "Cryptographic Token Interface Base Specification") that a
 * KEK needs, as the standard lays it out on Linux: natural alignment, CK_ULONG an unsigned long.
 */
#ifndef STRONGROOM_CRYPTOKI_H
#define STRONGROOM_CRYPTOKI_H

typedef unsigned long ck_ulong;
typedef unsigned char ck_byte;

/* Places in the function list, which begins with a version. Section 5.1's order. */
enum {
  CK_INITIALIZE = 0, CK_FINALIZE = 1, CK_GET_SLOT_LIST = 4, CK_GET_TOKEN_INFO = 6,
  CK_GET_MECHANISM_INFO = 8, CK_OPEN_SESSION = 12, CK_CLOSE_SESSION = 13, CK_LOGIN = 18,
  CK_GET_ATTRIBUTE_VALUE = 24, CK_FIND_OBJECTS_INIT = 26, CK_FIND_OBJECTS = 27,
  CK_FIND_OBJECTS_FINAL = 28, CK_ENCRYPT_INIT = 29, CK_ENCRYPT = 30, CK_DECRYPT_INIT = 33,
  CK_DECRYPT = 34, CK_FUNCTIONS = 68
};

struct ck_function_list {
  ck_byte major, minor;
  void *functions[CK_FUNCTIONS];
};

struct ck_initialize_args {
  void *create_mutex, *destroy_mutex, *lock_mutex, *unlock_mutex;
  ck_ulong flags;
  void *reserved;
};

struct ck_token_info {
  ck_byte label[32], manufacturer[32], model[16], serial[16];
  ck_ulong flags, counts[10];
  ck_byte hardware_version[2], firmware_version[2], utc_time[16];
};

struct ck_mechanism {
  ck_ulong mechanism;
  void *parameter;
  ck_ulong parameter_length;
};

struct ck_mechanism_info {
  ck_ulong key_size_min, key_size_max, flags;
};

struct ck_attribute {
  ck_ulong type;
  void *value;
  ck_ulong length;
};

struct ck_gcm_params {
  ck_byte *iv;
  ck_ulong iv_length, iv_bits;
  ck_byte *aad;
  ck_ulong aad_length, tag_bits;
};

#define CKR_OK 0x00UL
#define CKR_HOST_MEMORY 0x02UL
#define CKR_DEVICE_REMOVED 0x32UL
#define CKR_USER_ALREADY_LOGGED_IN 0x100UL
#define CKR_CRYPTOKI_NOT_INITIALIZED 0x190UL
#define CKR_CRYPTOKI_ALREADY_INITIALIZED 0x191UL

#define CKF_OS_LOCKING_OK 0x02UL
#define CKF_SERIAL_SESSION 0x04UL
#define CKF_TOKEN_INITIALIZED 0x400UL
#define CKF_ENCRYPT 0x100UL
#define CKF_DECRYPT 0x200UL
#define CKU_USER 1UL
#define CKO_SECRET_KEY 4UL
#define CKK_AES 0x1fUL
#define CKM_AES_GCM 0x1087UL

#define CKA_CLASS 0x000UL
#define CKA_LABEL 0x003UL
#define CKA_KEY_TYPE 0x100UL
#define CKA_ID 0x102UL
#define CKA_ENCRYPT 0x104UL
#define CKA_DECRYPT 0x105UL
#define CKA_VALUE_LEN 0x161UL

#endif
