// SPDX-License-Identifier: Apache-2.0
#include "loader/pool.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int mapped_array__open(struct mapped_array *ret_array, const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t stride = (bpf_map__value_size(map) + 7) & ~(size_t)7;
	size_t bytes = (stride * bpf_map__max_entries(map) + page - 1) / page * page;
	void *memory;

	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (memory == MAP_FAILED)
		return -errno;
	ret_array->memory = memory;
	ret_array->bytes = bytes;
	ret_array->count = bpf_map__max_entries(map);
	return 0;
}

void mapped_array__close(struct mapped_array *array)
{
	if (array->memory)
		munmap(array->memory, array->bytes);
	array->memory = NULL;
}

int free_list__push(const struct bpf_map *queue, uint32_t index)
{
	return bpf_map_update_elem(bpf_map__fd(queue), NULL, &index, BPF_ANY) ? -errno : 0;
}

int free_list__fill(const struct bpf_map *queue, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < count; i++) {
		int err = free_list__push(queue, i);

		if (err)
			return err;
	}
	return 0;
}

uint64_t map__memory(const struct bpf_map *map)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(file);
	return bytes;
}
