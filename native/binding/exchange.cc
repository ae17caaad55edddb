// The exchange of the unified floor as functions on `exports`: reads arguments, calls the system's
// Exchange, gives numbers back. Refuses to decide anything.

#include "../contract/exchange.h"

#include <memory>

#include "arguments.h"
#include "exchange_holder.h"
#include "exports.h"

namespace pollport {
namespace {

// The number of no exchange: TypeScript asks closed pollers nothing, so that no program sees this.
constexpr Result kNoExchange = -1;

Exchange* exchange_of(const Napi::CallbackInfo& info) {
  auto* holder = Environment::of(info.Env()).find<ExchangeHolder>(int32_argument(info, 0));
  return holder == nullptr ? nullptr : holder->exchange.get();
}

// The exchange has the socket now, if it took it. In the same call, so that the thread cannot end
// while both or neither would close it.
Result taken_over(const Napi::CallbackInfo& info, Handle handle, Result result) {
  if (result >= 0 || result == kWouldBlock) Environment::of(info.Env()).disown(info.Env(), handle);
  return result;
}

// Accepted sockets in the records have no owner until JavaScript has taken each over.
void hold_accepted(const Napi::CallbackInfo& info, std::span<const int32_t> records, size_t count) {
  for (size_t at = 0; at < count * kRecordStride; at += kRecordStride) {
    if (records[at] == kKindAccepted) Environment::of(info.Env()).hold(records[at + 3]);
  }
}

// Calls `use` with the exchange of the first argument.
template <typename Use>
Napi::Value with_exchange(const Napi::CallbackInfo& info, Use use) {
  Exchange* exchange = exchange_of(info);
  return answer(info.Env(), exchange == nullptr ? kNoExchange : use(*exchange));
}

Napi::Value exchange_create(const Napi::CallbackInfo& info) {
  auto holder = std::make_unique<ExchangeHolder>();
  if (const Result made = create_exchange(holder->exchange); made < 0)
    return answer(info.Env(), made);
  return answer(
      info.Env(),
      Environment::of(info.Env()).add(info.Env(), object_argument(info, 0), std::move(holder)));
}

Napi::Value exchange_close(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange&) {
    Environment::of(info.Env()).remove(info.Env(), int32_argument(info, 0));
    return Result{0};
  });
}

Napi::Value exchange_limits(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    const auto size_at = [&](size_t position) {
      return static_cast<size_t>(int32_argument(info, position));
    };
    exchange.set_limits({size_at(1), size_at(2), size_at(3), int32_argument(info, 4)});
    return Result{0};
  });
}

Napi::Value exchange_batch_calls(const Napi::CallbackInfo& info) {
  return with_exchange(
      info, [&](Exchange& exchange) { return exchange.batch_calls(int32_argument(info, 1)); });
}

Napi::Value exchange_waker_handle(const Napi::CallbackInfo& info) {
  return with_exchange(info, [](Exchange& exchange) { return exchange.waker_number(); });
}

Napi::Value exchange_watch(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    const Handle handle = handle_argument(info, 3);
    return taken_over(info, handle,
                      exchange.watch(int32_argument(info, 1), int32_argument(info, 2), handle,
                                     int32_argument(info, 4)));
  });
}

Napi::Value exchange_connect(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    const Handle handle = handle_argument(info, 3);
    return taken_over(info, handle,
                      exchange.connect(int32_argument(info, 1), int32_argument(info, 2), handle,
                                       address_argument(info, 4)));
  });
}

Napi::Value exchange_receive(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    return exchange.set_receiving(int32_argument(info, 1), boolean_argument(info, 2));
  });
}

Napi::Value exchange_release(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    return exchange.release(int32_argument(info, 1), int32_argument(info, 2));
  });
}

Napi::Value exchange_send(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    return exchange.send(int32_argument(info, 1),
                         bytes_argument(info, 2, int64_argument(info, 3), int64_argument(info, 4)));
  });
}

Napi::Value exchange_send_datagram(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    const std::span<const uint8_t> bytes =
        bytes_argument(info, 2, int64_argument(info, 3), int64_argument(info, 4));
    return exchange.send_datagram(int32_argument(info, 1), bytes,
                                  address_argument(info, 2, int64_argument(info, 5)));
  });
}

Napi::Value exchange_run(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    const Outbox outbox(bytes_argument(info, 1), int32_span_argument(info, 2),
                        int32_argument(info, 3));
    const std::span<int32_t> records = int32_span_argument(info, 5);
    Batch batch(bytes_argument(info, 4), static_cast<size_t>(int32_argument(info, 7)), records);
    const Result result = exchange.run(outbox, batch, double_argument(info, 6));
    hold_accepted(info, records, batch.count());
    // A wait that fails must not take with it what sending before it had to tell: the next one
    // fails again, if it has to.
    return result < 0 && batch.count() == 0 ? result : static_cast<Result>(batch.count());
  });
}

Napi::Value exchange_flush(const Napi::CallbackInfo& info) {
  return with_exchange(info, [&](Exchange& exchange) {
    const Outbox outbox(bytes_argument(info, 1), int32_span_argument(info, 2),
                        int32_argument(info, 3));
    const std::span<uint8_t> slab = bytes_argument(info, 4);
    Batch batch(slab, slab.size(), int32_span_argument(info, 5));
    exchange.flush(outbox, batch);
    return static_cast<Result>(batch.count());
  });
}

}  // namespace

void export_exchange(Napi::Env env, Napi::Object exports) {
  const auto put = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("exchangeCreate", exchange_create);
  put("exchangeClose", exchange_close);
  put("exchangeLimits", exchange_limits);
  put("exchangeBatchCalls", exchange_batch_calls);
  put("exchangeWakerHandle", exchange_waker_handle);
  put("exchangeWatch", exchange_watch);
  put("exchangeConnect", exchange_connect);
  put("exchangeReceive", exchange_receive);
  put("exchangeRelease", exchange_release);
  put("exchangeSend", exchange_send);
  put("exchangeSendDatagram", exchange_send_datagram);
  put("exchangeRun", exchange_run);
  put("exchangeFlush", exchange_flush);
}

}  // namespace pollport
