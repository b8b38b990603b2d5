/* Blocking a thread and choosing the next one. */
#include "kernel.h"

static thread_ref running;
thread_ref run_queue[128];
u64 run_bitmap[2];
static thread_ref idle;
static u64 ticks;

thread_ref current_thread(void)
{
	return running;
}

void assert_wait(void *event, u32 interruptible)
{
	running->wait_event = event;
	running->state |= TH_WAIT | (interruptible ? 0 : TH_UNINT);
}

static __attribute__((noinline)) int thread_invoke(thread_ref old, thread_ref next, u32 reason);

static inline thread_ref thread_select(void)
{
	for (int half = 1; half >= 0; half--) {
		if (run_bitmap[half] == 0)
			continue;
		u32 priority = (u32)half * 64 + 63 - (u32)__builtin_clzl(run_bitmap[half]);
		thread_ref chosen = run_queue[priority];
		run_queue[priority] = chosen->next;
		if (chosen->next == 0)
			run_bitmap[half] &= ~(1ul << (priority & 63));
		return chosen;
	}
	return idle;
}

int thread_block_reason(continuation next, void *parameter, u32 reason)
{
	thread_ref self = running;

	self->resume = next;
	self->parameter = parameter;
	self->reason = reason;
	if (reason & 1)
		self->state |= TH_RUN;
	thread_ref chosen = thread_select();
	while (!thread_invoke(self, chosen, reason))
		chosen = thread_select();
	return self->reason != 0;
}

static inline void account(thread_ref old, thread_ref next)
{
	u64 now = ++ticks;

	old->runtime += now - old->last_switch;
	next->last_switch = now;
	next->switches++;
}

static __attribute__((noinline)) int thread_invoke(thread_ref old, thread_ref next, u32 reason)
{
	if (next == old) {
		old->state &= ~(u32)(TH_WAIT | TH_UNINT);
		return 1;
	}
	if (next->kernel_stack == 0) {
		next->kernel_stack = kernel_alloc(0x4000);
		if (next->kernel_stack == 0)
			return 0;
		next->machine.stack = (u64)next->kernel_stack + 0x4000;
		next->machine.resume = (u64)next->resume;
		for (u32 i = 0; i < 8; i++)
			next->machine.debug[i] = 0;
		for (u32 i = 0; i < 6; i++)
			next->machine.segments[i] = old->machine.segments[i];
	}
	account(old, next);
	running = next;
	old->reason = reason;
	thread_ref previous = machine_switch_context(old, old->resume, next);
	previous->next = 0;
	old->reason = 0;
	return 1;
}

void call_continuation(continuation entry, void *parameter, int result)
{
	entry(parameter, result);
	running->state = 0;
	thread_block_reason(0, 0, 0);
}

static inline __attribute__((always_inline)) void processor_idle(void)
{
	while (run_bitmap[0] == 0 && run_bitmap[1] == 0)
		__asm__ volatile("sti; hlt; cli");
}

void idle_thread(void *parameter, int result)
{
	idle = running;
	running->state |= TH_IDLE;
	for (;;) {
		processor_idle();
		thread_block_reason(0, 0, 1);
	}
}
