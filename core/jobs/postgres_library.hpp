/// core/jobs/postgres_library.hpp: libpq, loaded when it is first needed. For core/jobs only.
///
/// It brings Kerberos and LDAP with it, which a host that keeps its runs in SQLite should neither pay for nor have to install.
#pragma once

#include <libpq-fe.h>

namespace operon::jobs::postgres {

/// Its functions under their own names, without the prefix.
struct Library {
  decltype(&::PQconnectdbParams) connectdbParams;
  decltype(&::PQfinish) finish;
  decltype(&::PQstatus) status;
  decltype(&::PQerrorMessage) errorMessage;
  decltype(&::PQsocket) socket;
  decltype(&::PQsetnonblocking) setnonblocking;
  decltype(&::PQsetNoticeProcessor) setNoticeProcessor;
  decltype(&::PQparameterStatus) parameterStatus;
  decltype(&::PQsendQuery) sendQuery;
  decltype(&::PQsendPrepare) sendPrepare;
  decltype(&::PQsendQueryPrepared) sendQueryPrepared;
  decltype(&::PQsetSingleRowMode) setSingleRowMode;
  decltype(&::PQflush) flush;
  decltype(&::PQconsumeInput) consumeInput;
  decltype(&::PQisBusy) isBusy;
  decltype(&::PQgetResult) getResult;
  decltype(&::PQclear) clear;
  decltype(&::PQresultStatus) resultStatus;
  decltype(&::PQresultErrorField) resultErrorField;
  decltype(&::PQgetvalue) getvalue;
  decltype(&::PQgetlength) getlength;
  decltype(&::PQgetisnull) getisnull;
  decltype(&::PQcmdTuples) cmdTuples;
  decltype(&::PQcmdStatus) cmdStatus;
  decltype(&::PQconninfoParse) conninfoParse;
  decltype(&::PQconninfoFree) conninfoFree;
  decltype(&::PQfreemem) freemem;
};

/// Thread-safe. Throws Error(unavailable) saying why it cannot be loaded; the next caller tries again. Stays loaded.
const Library& library();

}  // namespace operon::jobs::postgres
