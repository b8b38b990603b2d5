/* A ring of messages between an interrupt and a thread. */

struct message {
	unsigned length;
	unsigned kind;
};

enum { RING_OPEN = 1, RING_BROKEN = 2 };

struct ring {
	unsigned capacity, head, tail, lost, state, starts;
	void (*notify)(struct ring *);
	const struct message *slot[64];
};

__attribute__((noinline, noreturn)) void ring_overflow(struct ring *ring, unsigned length);
