/* What the files of the sample kernel share. */
#pragma once
#include "kpi.h"

typedef void (*continuation)(void *parameter, int result);

struct machine_state { u64 stack; u64 frame; u64 resume; u64 debug[8]; u64 segments[6]; u64 vector[16]; };

struct thread {
	struct machine_state machine;
	thread_ref next;
	continuation resume;
	void *parameter;
	u64 id;
	u64 runtime;
	u64 last_switch;
	void *wait_event;
	u32 state;
	u32 priority;
	u32 reason;
	u32 switches;
	void *kernel_stack;
};

enum { TH_WAIT = 1, TH_SUSP = 2, TH_RUN = 4, TH_UNINT = 8, TH_IDLE = 0x80 };

thread_ref machine_switch_context(thread_ref old, continuation next, thread_ref thread);
void Switch_context(thread_ref old, thread_ref thread);
int thread_block_reason(continuation next, void *parameter, u32 reason);
int lck_mtx_sleep(lck_mtx *lock, u32 action, void *event, u32 interruptible);
void assert_wait(void *event, u32 interruptible);

typedef struct vnode vnode;
struct ioctl_arguments { vnode *node; u64 number; void *data; int flags; void *process; };
struct vnode { int (**operations)(struct ioctl_arguments *arguments); u32 type; int device; u32 references; lck_mtx lock; };

int VNOP_IOCTL(vnode *node, u64 number, void *data, int flags, void *process);
int spec_ioctl(struct ioctl_arguments *arguments);
int vn_ioctl(vnode *node, u64 number, void *data, void *process);
int ioctl(void *process, u64 *arguments, int *result);
u64 mach_msg_overwrite_trap(u64 *arguments);
void unix_syscall64(u64 *state);
