/* Memory and threads for kexts. */
#include "kernel.h"

static u8 arena[4096];
static u64 used;

void *kernel_alloc(u64 size)
{
	if (size > sizeof arena - used)
		return 0;
	void *memory = &arena[used];
	used += (size + 15) & ~15ul;
	return memory;
}

void kernel_free(void *memory, u64 size)
{
	if ((u8 *)memory + ((size + 15) & ~15ul) == &arena[used])
		used = (u64)((u8 *)memory - arena);
}

int kernel_thread_start(void (*entry)(void *), void *argument, thread_ref *thread)
{
	*thread = kernel_alloc(sizeof **thread);
	if (*thread == 0)
		return OUT_OF_MEMORY;
	(*thread)->resume = (continuation)(void *)entry;
	(*thread)->parameter = argument;
	return 0;
}
