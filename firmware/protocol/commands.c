#include "commands.h"

#include "bytes.h"
#include "counter.h"
#include "crc32.h"
#include "model.h"
#include "system.h"
#include "trigger.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What the arena is filled with at boot; the highest byte that is not is its high-water mark. */
#define ARENA_PAINT 0xA5u

/* The payload of a request. Commands rely on the table below for its length; a command appends its
 * fields to the answer, or refuses before it has appended any. */
typedef struct {
    const uint8_t *at;
    uint32_t bytes;
} payload_t;

static void append_text(frame_t *answer, const char *text)
{
    while (*text != '\0' && frame_room(answer) > 0) {
        frame_append8(answer, (uint8_t)*text++);
    }
}

static bool inside(uint32_t offset, uint32_t bytes, uint32_t whole)
{
    return offset <= whole && bytes <= whole - offset;
}

static status_t hello(payload_t request, frame_t *answer)
{
    (void)request;
    frame_append8(answer, FRAME_VERSION);
    frame_append32(answer, system_boot_id());
    frame_append(answer, model.build_id, sizeof model.build_id);
    frame_append(answer, model.sha256, sizeof model.sha256);
    frame_append32(answer, system_clock_hz());
    frame_append32(answer, counter_hz());
    frame_append8(answer, counter_kind());
    frame_append8(answer, model.input_count);
    frame_append8(answer, model.output_count);
    frame_append16(answer, model.layer_count);
    frame_append32(answer, model.arena_bytes);
    frame_append16(answer, FRAME_MAX_PAYLOAD);
    for (uint32_t i = 0; i < model.input_count; i++) {
        frame_append32(answer, model.inputs[i].bytes);
    }
    for (uint32_t i = 0; i < model.output_count; i++) {
        frame_append32(answer, model.outputs[i].bytes);
    }
    append_text(answer, model.board);
    return STATUS_OK;
}

static status_t write_input(payload_t request, frame_t *answer)
{
    (void)answer;
    uint8_t index = request.at[0];
    uint32_t offset = bytes_get32(request.at + 1);
    uint32_t bytes = request.bytes - 5u;
    if (index >= model.input_count || !inside(offset, bytes, model.inputs[index].bytes)) {
        return STATUS_BAD_ARGUMENT;
    }
    memcpy(model.arena + model.inputs[index].offset + offset, request.at + 5, bytes);
    return STATUS_OK;
}

static uint32_t input_bytes(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < model.input_count; i++) {
        sum += model.inputs[i].bytes;
    }
    return sum;
}

static void save_inputs(uint8_t *copy)
{
    for (uint32_t i = 0; i < model.input_count; i++) {
        memcpy(copy, model.arena + model.inputs[i].offset, model.inputs[i].bytes);
        copy += model.inputs[i].bytes;
    }
}

static void restore_inputs(const uint8_t *copy)
{
    for (uint32_t i = 0; i < model.input_count; i++) {
        memcpy(model.arena + model.inputs[i].offset, copy, model.inputs[i].bytes);
        copy += model.inputs[i].bytes;
    }
}

static status_t run(payload_t request, frame_t *answer)
{
    uint32_t count = bytes_get32(request.at);
    uint32_t room;
    uint8_t *copy = system_spare_memory(&room);
    if (count > 1) {
        if (input_bytes() > room) {
            return STATUS_BAD_ARGUMENT;
        }
        save_inputs(copy);
    }
    uint64_t ticks = 0;
    trigger_set(true);
    for (uint32_t done = 0; done < count; done++) {
        if (done > 0) {
            restore_inputs(copy);
        }
        uint64_t start = counter_read();
        model.invoke(model.arena);
        ticks += counter_read() - start;
    }
    trigger_set(false);
    frame_append32(answer, count);
    frame_append64(answer, ticks);
    return STATUS_OK;
}

static status_t read_range(model_range_t whole, const uint8_t *at, frame_t *answer)
{
    uint32_t offset = bytes_get32(at);
    uint32_t bytes = bytes_get16(at + 4);
    if (!inside(offset, bytes, whole.bytes) || bytes > frame_room(answer)) {
        return STATUS_BAD_ARGUMENT;
    }
    frame_append(answer, model.arena + whole.offset + offset, bytes);
    return STATUS_OK;
}

static status_t read_output(payload_t request, frame_t *answer)
{
    uint8_t index = request.at[0];
    if (index >= model.output_count) {
        return STATUS_BAD_ARGUMENT;
    }
    return read_range(model.outputs[index], request.at + 1, answer);
}

static status_t read_arena(payload_t request, frame_t *answer)
{
    model_range_t arena = {.offset = 0, .bytes = model.arena_bytes};
    return read_range(arena, request.at, answer);
}

static uint32_t layer_ticks(uint32_t layer)
{
    uint64_t start = counter_read();
    model.invoke_layer(model.arena, layer);
    uint64_t ticks = counter_read() - start;
    return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

static uint32_t layer_hash(uint32_t layer)
{
    model.invoke_layer(model.arena, layer);
    model_range_t output = model.layer(layer).output;
    return crc32_update(0, model.arena + output.offset, output.bytes);
}

static status_t run_layers(payload_t request, frame_t *answer, uint32_t (*run_one)(uint32_t))
{
    uint32_t first = bytes_get16(request.at);
    uint32_t layers = bytes_get16(request.at + 2);
    if (!inside(first, layers, model.layer_count) || 4u * layers > frame_room(answer)) {
        return STATUS_BAD_ARGUMENT;
    }
    for (uint32_t layer = first; layer < first + layers; layer++) {
        frame_append32(answer, run_one(layer));
    }
    return STATUS_OK;
}

static status_t run_profiled(payload_t request, frame_t *answer)
{
    return run_layers(request, answer, layer_ticks);
}

static status_t run_hashed(payload_t request, frame_t *answer)
{
    return run_layers(request, answer, layer_hash);
}

static status_t layer_info(payload_t request, frame_t *answer)
{
    uint16_t index = bytes_get16(request.at);
    if (index >= model.layer_count) {
        return STATUS_BAD_ARGUMENT;
    }
    model_layer_t layer = model.layer(index);
    frame_append32(answer, layer.output.offset);
    frame_append32(answer, layer.output.bytes);
    append_text(answer, layer.name);
    return STATUS_OK;
}

static uint32_t arena_high_water(void)
{
    uint32_t used = model.arena_bytes;
    while (used > 0 && model.arena[used - 1u] == ARENA_PAINT) {
        used--;
    }
    return used;
}

static status_t memory(payload_t request, frame_t *answer)
{
    (void)request;
    system_memory_t ram = system_memory();
    frame_append32(answer, ram.stack_bytes);
    frame_append32(answer, ram.stack_high_water);
    frame_append32(answer, model.arena_bytes);
    frame_append32(answer, arena_high_water());
    frame_append32(answer, ram.static_bytes);
    return STATUS_OK;
}

static status_t fault(payload_t request, frame_t *answer)
{
    system_fault_t last = {0};
    bool valid = system_last_fault(&last);
    frame_append8(answer, valid);
    frame_append32(answer, last.cfsr);
    frame_append32(answer, last.hfsr);
    frame_append32(answer, last.address);
    frame_append32(answer, last.pc);
    frame_append32(answer, last.lr);
    frame_append32(answer, last.xpsr);
    frame_append32(answer, last.boot_id);
    if (request.at[0] != 0) {
        system_clear_fault();
    }
    return STATUS_OK;
}

static status_t reset(payload_t request, frame_t *answer)
{
    (void)request;
    (void)answer;
    return STATUS_OK;
}

static system_fault_kind_t fault_to_provoke;

static status_t provoke_fault(payload_t request, frame_t *answer)
{
    (void)answer;
    if (request.at[0] >= SYSTEM_FAULT_KINDS) {
        return STATUS_BAD_ARGUMENT;
    }
    fault_to_provoke = (system_fault_kind_t)request.at[0];
    return STATUS_OK;
}

static void then_provoke_fault(void)
{
    system_provoke_fault(fault_to_provoke);
}

static const struct {
    status_t (*execute)(payload_t request, frame_t *answer);
    uint16_t min_bytes; /* of the payload */
    uint16_t max_bytes;
    commands_then_t then;
} commands[] = {
    [COMMAND_HELLO] = {hello, 0, 0, NULL},
    [0x02] = {write_input, 5, FRAME_MAX_PAYLOAD, NULL},
    [0x03] = {run, 4, 4, NULL},
    [0x04] = {read_output, 7, 7, NULL},
    [0x05] = {run_profiled, 4, 4, NULL},
    [0x06] = {layer_info, 2, 2, NULL},
    [0x07] = {run_hashed, 4, 4, NULL},
    [0x08] = {read_arena, 6, 6, NULL},
    [0x09] = {memory, 0, 0, NULL},
    [0x0A] = {fault, 1, 1, NULL},
    [0x0B] = {reset, 0, 0, system_reset},
    [0x0C] = {provoke_fault, 1, 1, then_provoke_fault},
};

void commands_init(void)
{
    memset(model.arena, ARENA_PAINT, model.arena_bytes);
}

commands_then_t commands_execute(const frame_t *request, frame_t *answer)
{
    payload_t payload = {frame_payload(request), frame_payload_bytes(request)};
    uint8_t kind = frame_kind(request);
    bool known = kind < sizeof commands / sizeof commands[0] && commands[kind].execute != NULL;
    uint32_t status_at = answer->bytes;
    frame_append8(answer, STATUS_OK);

    status_t status;
    if (!known) {
        status = STATUS_BAD_COMMAND;
    } else if (payload.bytes < commands[kind].min_bytes ||
               payload.bytes > commands[kind].max_bytes) {
        status = STATUS_BAD_ARGUMENT;
    } else {
        status = commands[kind].execute(payload, answer);
    }
    answer->body[status_at] = (uint8_t)status;
    return status == STATUS_OK ? commands[kind].then : NULL;
}
