/* A ring of messages: an interrupt fills it, a thread empties it. Written for this sample. */
#include "ring.h"

unsigned ring_rings;

int ring_start(struct ring *ring)
{
	ring_rings++;
	ring->state = RING_OPEN;
#ifdef COUNT_STARTS /* version 1.1, in `wrong-build` */
	ring->starts++;
#endif
	return 0;
}

int ring_stop(struct ring *ring)
{
	ring_rings--;
	return ring->state == RING_BROKEN;
}

static inline __attribute__((always_inline, noreturn)) void ring_give_up(void)
{
	__builtin_trap();
}

void ring_overflow(struct ring *ring, unsigned length)
{
	ring->lost += length;
	ring->state = RING_BROKEN;
	ring_give_up();
}

/* The call of ring_overflow is the last instruction: were it to return, it would to the first one of ring_pop. */
__attribute__((noinline)) int ring_push(struct ring *ring, const struct message *message)
{
	unsigned at = ring->head % ring->capacity;

	if (__builtin_expect(ring->head - ring->tail == ring->capacity, 0))
		ring_overflow(ring, message->length);
	ring->slot[at] = message;
	ring->head++;
	return 0;
}

__attribute__((noinline)) unsigned ring_pop(struct ring *ring)
{
	const struct message *message = ring->slot[ring->tail % ring->capacity];

	ring->tail++;
	return message->length;
}

/* What the interrupt brings. */
__attribute__((noinline)) int ring_receive(struct ring *ring, const struct message *messages, unsigned count)
{
	int stored = 0;

	for (unsigned i = 0; i < count; i++)
		stored += ring_push(ring, &messages[i]) == 0;
	ring->notify(ring);
	return stored;
}

/* What the thread takes. */
__attribute__((noinline)) unsigned ring_drain(struct ring *ring)
{
	unsigned bytes = 0;

	while (ring->tail != ring->head)
		bytes += ring_pop(ring);
	ring->notify(ring);
	return bytes;
}
