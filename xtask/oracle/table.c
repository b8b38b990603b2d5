/* A test subject for `cargo xtask oracle`: a hash table, with what compilers like to move about. */

typedef unsigned long u64;
typedef unsigned int u32;

enum { BUCKETS = 64, POOL = 256 };

struct entry { struct entry *next; u64 key; u64 value; u32 uses; };

struct table {
	struct entry *bucket[BUCKETS];
	struct entry pool[POOL];
	u32 used;
	u32 lookups;
	u32 misses;
};

static struct table table;
void (*on_full)(struct table *full);

static inline u64 mix(u64 key)
{
	key ^= key >> 31;
	key *= 0x9e3779b97f4a7c15ul;
	key ^= key >> 29;
	return key;
}

static inline __attribute__((always_inline)) struct entry **bucket_of(struct table *in, u64 key)
{
	return &in->bucket[mix(key) % BUCKETS];
}

static inline __attribute__((always_inline)) struct entry *find(struct table *in, u64 key)
{
	struct entry *entry = *bucket_of(in, key);

	while (entry != 0 && entry->key != key)
		entry = entry->next;
	return entry;
}

__attribute__((noinline, cold)) static struct entry *take_from_fullest(struct table *in)
{
	u32 longest = 0, fullest = 0;

	for (u32 i = 0; i < BUCKETS; i++) {
		u32 length = 0;
		for (struct entry *entry = in->bucket[i]; entry != 0; entry = entry->next)
			length++;
		if (length > longest) {
			longest = length;
			fullest = i;
		}
	}
	struct entry *victim = in->bucket[fullest];
	in->bucket[fullest] = victim->next;
	return victim;
}

static struct entry *fresh(struct table *in)
{
	if (in->used < POOL)
		return &in->pool[in->used++];
	if (on_full != 0)
		on_full(in);
	return take_from_fullest(in);
}

int table_put(u64 key, u64 value)
{
	struct entry *entry = find(&table, key);
	int is_new = entry == 0;

	if (is_new) {
		struct entry **bucket = bucket_of(&table, key);
		entry = fresh(&table);
		entry->key = key;
		entry->next = *bucket;
		*bucket = entry;
	}
	entry->value = value;
	entry->uses = 1;
	return is_new;
}

int table_get(u64 key, u64 *value)
{
	struct entry *entry = find(&table, key);

	table.lookups++;
	if (entry == 0) {
		table.misses++;
		return 0;
	}
	entry->uses++;
	*value = entry->value;
	return 1;
}

static u64 weigh(const struct entry *entry, int how)
{
	switch (how) {
	case 0: return entry->uses;
	case 1: return entry->value;
	case 2: return entry->key ^ entry->value;
	case 3: return mix(entry->key);
	case 4: return (u64)entry->uses * entry->value;
	default: return 1;
	}
}

u64 table_weight(int how)
{
	u64 sum = 0;

	for (u32 i = 0; i < table.used; i++)
		sum += weigh(&table.pool[i], how);
	return sum;
}

/* Real kernels name variants of a function like this; DWARF and symbol table then disagree about the underscore. */
u64 table_sum(void) __asm__("_table_sum$VARIANT");

u64 table_sum(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < table.used; i++)
		sum += table.pool[i].value;
	return sum;
}

static void sort(u64 *from, u64 *to)
{
	if (to - from < 2)
		return;
	u64 pivot = from[(to - from) / 2];
	u64 *low = from, *high = to - 1;
	while (low <= high) {
		while (*low < pivot)
			low++;
		while (*high > pivot)
			high--;
		if (low <= high) {
			u64 kept = *low;
			*low++ = *high;
			*high-- = kept;
		}
	}
	sort(from, high + 1);
	sort(low, to);
}

u32 table_keys(u64 *keys, u32 room)
{
	u32 count = 0;

	for (u32 i = 0; i < table.used && count < room; i++)
		keys[count++] = table.pool[i].key;
	sort(keys, keys + count);
	return count;
}

__attribute__((noreturn)) static void stop(u64 code)
{
	for (;;)
		__asm__ volatile("" : : "r"(code));
}

__attribute__((noinline)) void table_check(void)
{
	for (u32 i = 0; i < BUCKETS; i++)
		for (struct entry *entry = table.bucket[i]; entry != 0; entry = entry->next)
			if (bucket_of(&table, entry->key) != &table.bucket[i])
				stop(entry->key);
}

int table_start(void *info, void *data)
{
	for (u64 key = 1; key < 40; key++)
		table_put(key * key, key);
	table_check();
	return table_weight(2) == 0;
}
