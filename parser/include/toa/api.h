/* TOA_API marks what libtoa exports; everything else is hidden. */
#ifndef TOA_API_H
#define TOA_API_H

#if defined(_WIN32) && defined(TOA_SHARED) && defined(TOA_BUILDING)
#define TOA_API __declspec(dllexport)
#elif defined(_WIN32) && defined(TOA_SHARED)
#define TOA_API __declspec(dllimport)
#elif defined(__GNUC__)
#define TOA_API __attribute__((visibility("default")))
#else
#define TOA_API
#endif

#endif
