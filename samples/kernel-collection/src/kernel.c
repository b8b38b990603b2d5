/* As much of a kernel as the backtrace of a panic shows. Written for this sample. */

struct saved_state {
	unsigned long register_of[31], sp, pc, esr, far;
};

struct thread_call {
	void (*function)(void *, void *);
	void *first, *second;
	struct thread_call *next;
};

volatile unsigned debugger_waits;

__attribute__((noinline)) static void kdp_raise_exception(const struct saved_state *state)
{
	while (debugger_waits)
		debugger_waits = (unsigned)state->esr;
}

__attribute__((noinline)) static void panic_trap_to_debugger(const char *message, const struct saved_state *state)
{
	debugger_waits = message[0] != 0;
	kdp_raise_exception(state);
	debugger_waits = 0;
}

__attribute__((noinline)) static void panic_with_thread_kernel_state(const char *message, const struct saved_state *state)
{
	panic_trap_to_debugger(message, state);
	debugger_waits++;
}

__attribute__((noinline)) static void sleh_synchronous(struct saved_state *state)
{
	panic_with_thread_kernel_state("Kernel data abort.", state);
	state->pc += 4;
}

void fleh_synchronous(struct saved_state *state)
{
	sleh_synchronous(state);
	state->esr = 0;
}

__attribute__((noinline)) static void thread_call_invoke(struct thread_call *call)
{
	call->function(call->first, call->second);
	call->next = 0;
}

void thread_call_thread(struct thread_call *group)
{
	for (struct thread_call *call = group; call; call = call->next)
		thread_call_invoke(call);
}
