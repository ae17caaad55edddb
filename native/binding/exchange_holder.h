// What the number of exchangeCreate stands for. Seen by the bindings of the exchange and of the
// loop watch, by nobody else.
#pragma once

#include <memory>

#include "../contract/exchange.h"
#include "environment.h"

namespace pollport {

struct ExchangeHolder final : Closable {
  static constexpr int kKind = 3;
  int kind() const override { return kKind; }

  std::unique_ptr<Exchange> exchange;
};

}  // namespace pollport
