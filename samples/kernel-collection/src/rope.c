/* A driver that empties a ring of another kext each time its timer fires. Written for this sample. */
#include "ring.h"

struct rope {
	struct ring *ring;
	unsigned (*drain)(struct ring *);
	unsigned long bytes;
};

unsigned long rope_ticks;

__attribute__((noinline)) static void rope_haul(struct rope *rope)
{
	rope->bytes += rope->drain(rope->ring);
	rope_ticks++;
}

void rope_tick(void *argument, void *unused)
{
	struct rope *rope = argument;

	(void)unused;
	if (rope->ring->state == RING_OPEN)
		rope_haul(rope);
	rope->ring->state |= RING_OPEN;
}
