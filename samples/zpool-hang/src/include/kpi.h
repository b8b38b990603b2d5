/* What the sample kexts ask of the sample kernel. The shapes are made up; only the names in the trace are real ones. */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

typedef struct { u64 owner; u64 waiters; } lck_mtx;
typedef struct thread *thread_ref;

enum { PRIORITY_KERNEL = 80, PRIORITY_CATCH_SIGNALS = 0x100 };
enum { OUT_OF_MEMORY = 12, INVALID = 22, NO_DEVICE = 19, BAD_REQUEST = 25 };

thread_ref current_thread(void);
void *kernel_alloc(u64 size);
void kernel_free(void *memory, u64 size);
void lck_mtx_lock(lck_mtx *lock);
void lck_mtx_unlock(lck_mtx *lock);
int msleep(void *channel, lck_mtx *lock, int priority, const char *why, const u64 *timeout);
void wakeup(void *channel);
int kernel_thread_start(void (*entry)(void *), void *argument, thread_ref *thread);
