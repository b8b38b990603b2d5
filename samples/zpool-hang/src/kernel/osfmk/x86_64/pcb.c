/* Leaving one thread's registers and taking up another's. */
#include "kernel.h"

static struct machine_state *live;

static inline void save_debug_registers(struct machine_state *machine)
{
	for (u32 i = 0; i < 8; i++)
		machine->debug[i] = live->debug[i];
}

static inline int uses_vectors(const struct machine_state *machine)
{
	u64 any = 0;

	for (u32 i = 0; i < 16; i++)
		any |= machine->vector[i];
	return any != 0;
}

thread_ref machine_switch_context(thread_ref old, continuation next, thread_ref thread)
{
	save_debug_registers(&old->machine);
	if (uses_vectors(&thread->machine))
		for (u32 i = 0; i < 16; i++)
			live->vector[i] = thread->machine.vector[i];
	old->machine.resume = (u64)next;
	live = &thread->machine;
	Switch_context(old, thread);
	return old;
}

__attribute__((naked)) void Switch_context(thread_ref old, thread_ref thread)
{
	__asm__("popq %rax\n\t"
	        "movq %rsp, 0(%rdi)\n\t"
	        "movq %rbp, 8(%rdi)\n\t"
	        "movq %rax, 16(%rdi)\n\t"
	        "movq 0(%rsi), %rsp\n\t"
	        "movq 8(%rsi), %rbp\n\t"
	        "jmpq *16(%rsi)");
}
