/* api/doctor: the doctor's report as JSON: the answer of GET /v1/doctor, and what `computed doctor --json` prints. */
#ifndef API_DOCTOR_H
#define API_DOCTOR_H

#include "base/json.h"
#include "core/doctor.h"

json_t *doctor_json(const struct doctor_report *r); /* NULL: no memory */

#endif
